/** What all charts and the time axis over them share, in px, so that times stand under each other. */

export const AXIS_WIDTH = 72;
export const RIGHT_PADDING = 12;
export const CHART_HEIGHT = 84;
export const TALL_CHART_HEIGHT = 128;
