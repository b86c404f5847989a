// An application of this folder for Quaich: APPLICATION is its name, ADAPTERS the address of `quaich/adapters` in the
// build that is measured.
const { adapt } = await import(`./${process.env.APPLICATION}.mjs`);
export const app = adapt(await import(process.env.ADAPTERS));
