// An Express application, as it is.
import express from 'express';

const app = express();
app.use(express.json());

app.get('/hello', (request, response) => {
  response.json({ hello: request.query.name ?? 'world' });
});

export default app;
