export { runBridgeThread as default } from '../src/shim/bridge-thread.ts';
