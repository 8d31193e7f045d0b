/** Something this machine lacks; the message is for the person at the keyboard and says what to do. */
export class Unavailable extends Error {}
