// What is served, and how: `npx quaich --help all` lists every setting.
export default {
  apps: ['/=./site.js', '/events=./events.js', '/api=./api.js'],
  healthPath: '/healthz',
};
