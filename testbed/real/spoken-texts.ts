/** What the models of the real engines say: the weights spell it, at any temperature. */
export const voiceText =
  'Bees tell each other where the flowers are by dancing: the angle shows the direction, the length of the run shows the distance, and the whole hive decides.';
export const reportText = 'According to the tool it is 18 degrees with light rain in Lisbon, so take a coat.';
export const thoughtText = 'Seven times six makes forty two, minus two gives forty.';
export const resultText = 'The result is 40.';
