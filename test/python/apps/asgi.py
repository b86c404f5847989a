async def app(scope, receive, send):
    pass


class Instance:
    async def __call__(self, scope, receive, send):
        pass


instance = Instance()
number = 5
