export type { ValidatorOptions } from './settings.ts';
export type { UnclosedBody } from './unclosed.ts';
export { type Side, ValidationError, type ValidationWarning } from './validation-error.ts';
export { type Validator, validator } from './validator.ts';
