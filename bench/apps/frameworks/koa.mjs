// Koa has neither a router nor a parser of bodies: these are the ones of its own organization.
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import Koa from 'koa';
import { data } from '../content.mjs';
import { greeting, page, receipt } from './content.mjs';

const router = new Router();
router.get('/hello/:name', (context) => {
  context.body = greeting(context.params.name);
});
router.get('/json', (context) => {
  context.body = data;
});
router.post('/orders', (context) => {
  context.body = receipt(context.request.body);
});
router.get('/page', (context) => {
  context.body = page;
});
const site = new Koa();
site.use(bodyParser()).use(router.routes());

export const serve = (port) => site.listen(port, '127.0.0.1');
export const adapt = ({ fromNodeListener }) => fromNodeListener(site.callback());
