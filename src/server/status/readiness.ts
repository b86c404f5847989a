/** How far the life of a server has come. */
export type ServerStage = 'starting' | 'ready' | 'draining' | 'stopping';

/** Whether a server is to be sent requests: what health checks ask (L-40). */
export class Readiness {
  stage: ServerStage = 'starting';
  private readonly services: readonly { readonly isDown: boolean }[];

  constructor(services: readonly { readonly isDown: boolean }[]) {
    this.services = services;
  }

  /** Why it is not; '': it is. */
  get objection(): string {
    if (this.stage !== 'ready') return `the server is ${this.stage}`;
    return this.services.some(({ isDown }) => isDown) ? 'no worker is ready' : '';
  }
}
