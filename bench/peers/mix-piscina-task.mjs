// What the threads of mix-piscina.mjs do.
import { hello } from '../apps/content.mjs';

export { derive } from '../apps/mix.mjs';
export const greet = () => hello.toString();
