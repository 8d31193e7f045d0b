/**
 * What the system says in the middle of a conversation. Many chat templates refuse a system message that is not the first, and users who
 * speak twice in a row; so it is part of what the user says, marked.
 */
export function toLaterSystem(text: string): string {
  return `<system>\n${text}\n</system>`;
}
