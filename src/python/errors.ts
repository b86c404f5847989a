/** An exception of a Python application. */
export class PythonError extends Error {
  override name = 'PythonError';

  /** @param traceback as Python prints it: its last line becomes the message, all of it the stack */
  constructor(traceback: string) {
    super(traceback.slice(traceback.lastIndexOf('\n') + 1));
    this.stack = traceback;
  }
}

/** The interpreter is in a state that nobody knows, and runs nothing any more. */
export class InterpreterLost extends Error {
  override name = 'InterpreterLost';

  constructor(cause: unknown) {
    super('the Python interpreter has come to its end: what it serves needs another one', { cause });
  }
}
