/** Rows of a view's page, whether one node gives them or all together. */
export const MAX_PAGE = 1_000;
