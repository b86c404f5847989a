import type { Exchange } from './exchange.ts';
import { RESPONSE_OVER } from './states.ts';

/** The exchanges of one connection in the order of their requests, linked by `next`. The front one owns the output. */
export class ExchangeQueue {
  front: Exchange | null = null;
  back: Exchange | null = null;
  size = 0;

  append(exchange: Exchange): void {
    if (this.back === null) this.front = exchange;
    else this.back.next = exchange;
    this.back = exchange;
    this.size++;
  }

  /** Takes the front exchange out. It keeps its link: `breakOff` may be on its way along the queue. */
  shift(): void {
    const next = this.front === null ? null : this.front.next;
    this.front = next;
    if (next === null) this.back = null;
    this.size--;
  }

  /** Takes the last exchange out. */
  pop(): void {
    const { back } = this;
    let before = this.front === back ? null : this.front;
    while (before !== null && before.next !== back) before = before.next;
    if (before === null) this.front = null;
    else before.next = null;
    this.back = before;
    this.size--;
  }

  /** Makes `exchange` the last one, and breaks off those behind it: they are never answered. */
  cutBehind(exchange: Exchange): void {
    let { next } = exchange;
    exchange.next = null;
    this.back = exchange;
    while (next !== null) {
      this.size--;
      const cancelled = next;
      next = next.next;
      cancelled.next = null;
      cancelled.breakOff(true);
    }
  }

  /** Nobody wants any of the responses any more. */
  breakOff(givenUp: boolean): void {
    for (let exchange = this.front; exchange !== null; exchange = exchange.next) exchange.breakOff(givenUp);
  }

  /** Those whose owners are not done with them. */
  get unfinished(): Exchange[] {
    const found: Exchange[] = [];
    for (let exchange = this.front; exchange !== null; exchange = exchange.next) {
      if (exchange.state !== RESPONSE_OVER) found.push(exchange);
    }
    return found;
  }

  /** Whether links and size go together. */
  get isSound(): boolean {
    let size = 0;
    let last: Exchange | null = null;
    for (let exchange = this.front; exchange !== null; exchange = exchange.next) {
      last = exchange;
      size++;
    }
    return last === this.back && size === this.size;
  }
}
