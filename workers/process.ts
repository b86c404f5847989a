import { serveForSupervisor } from '../src/server/processes/process.ts';

serveForSupervisor();
