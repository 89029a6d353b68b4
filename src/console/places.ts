/** The pages of the menu. */
export const places: [place: string, label: string][] = [
  ['/', 'Overview'],
  ['/subscribers', 'Subscribers'],
  ['/failed', 'Failed'],
  ['/jobs', 'Operations'],
  ['/events', 'Events'],
  ['/journey', 'Journey'],
  ['/endpoints', 'Endpoints'],
  ['/log', 'Log'],
];
