/** The client alone: importing all of undici takes 6 MB more of a process that has 80. */
declare module 'undici/lib/dispatcher/client.js' {
  export { Client as default } from 'undici';
}
