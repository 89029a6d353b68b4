/** How the load is spread, and over how many connections. */
export interface Shape {
  title: string;
  workspaces: number;
  /** In all, spread evenly over the workspaces. */
  channels: number;
  connections: number;
}

export const shapes = {
  'one-channel': { title: 'one channel', workspaces: 1, channels: 1, connections: 32 },
  channels: { title: '1,000 channels', workspaces: 1, channels: 1000, connections: 32 },
  workspaces: { title: '1,000 workspaces', workspaces: 1000, channels: 1000, connections: 32 },
  '16-connections': {
    title: '16 connections',
    workspaces: 1,
    channels: 1000,
    connections: 16,
  },
  '256-connections': {
    title: '256 connections',
    workspaces: 1,
    channels: 1000,
    connections: 256,
  },
} satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;
export const shapeNames = Object.keys(shapes) as ShapeName[];

/** What is measured in one shape alone is measured in this one. */
export const USUAL: ShapeName = 'channels';
