import json

x = json.loads('{')
