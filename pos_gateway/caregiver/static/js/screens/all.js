// Every screen by its name in the address.

export { atDoor } from './at_door.js';
export { debit } from './debit.js';
export { enrol, signIn } from './enrol.js';
export { month } from './month.js';
export { order, urgent } from './order.js';
export { queue } from './queue.js';
export { receipt } from './receipt.js';
export { today } from './today.js';
export { visit } from './visit.js';
