"""For uvicorn."""

from content import answer


async def application(scope, receive, send):
    content_type, body = answer(scope["path"])
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
