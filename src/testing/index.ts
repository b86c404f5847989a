export { type AsyncRequest, AsyncTestClient, type StreamingResponse } from './async-client.ts';
export type { ClientOptions, RequestOptions } from './client.ts';
export type { CookieJar } from './cookie-jar.ts';
export { type FormPart, multipartBody } from './multipart-body.ts';
export type { BodyPiece, HeadersInit, RequestHead, WholeBody } from './request.ts';
export { ResponseBroken, type ResponseStart, TestResponse } from './response.ts';
export { type SyncRequest, SyncTestClient } from './sync-client.ts';
export { testClient } from './test-client.ts';
