export { type NodeListener, type NodeListenerOptions, toNodeListener } from './mount.ts';
