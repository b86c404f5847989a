/** The part of the WebAssembly interface that is used here, typed: TypeScript knows it from the DOM only. */

/** A `WebAssembly.Memory` that was made with `shared: true`. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** A compiled module. */
export type WasmModule = object;

interface Namespace {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;
  Module: new (code: Uint8Array) => WasmModule;
  Instance: new (
    module: WasmModule,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: Record<string, unknown> };
  validate(code: Uint8Array): boolean;
  compile(code: Uint8Array): Promise<WasmModule>;
  /** A module and its instance for code; the instance alone for a module. */
  instantiate(source: Uint8Array | ArrayBuffer | WasmModule, imports?: object): Promise<unknown>;
}

// Every Node has it; `Namespace` is the part of its interface that is used here.
export const wasm = (globalThis as unknown as { WebAssembly: Namespace }).WebAssembly;

/** Makes memory that threads can share, of a fixed size of at least `bytes`. */
export function createSharedMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / 65536);
  return new wasm.Memory({ initial: pages, maximum: pages, shared: true });
}
