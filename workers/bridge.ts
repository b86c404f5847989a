export { runBridgeThread as default } from '../src/shim/far/thread.ts';
