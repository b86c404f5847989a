// The other end of peer.mjs: says where the server listens and answers what CPU time the process has used.

/** @param {string} url */
export function announce(url) {
  process.on('message', () => process.send?.({ cpu: process.cpuUsage(), memory: process.memoryUsage().rss }));
  process.on('disconnect', () => process.exit());
  process.send?.({ url });
}
