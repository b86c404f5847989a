// Runs an application of this folder on its framework's own server: APPLICATION is its name.
const { serve } = await import(`./${process.env.APPLICATION}.mjs`);
await serve(Number(process.env.PORT));
