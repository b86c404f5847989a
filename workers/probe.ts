export { probeApplications as default } from '../src/pool/probe.ts';
