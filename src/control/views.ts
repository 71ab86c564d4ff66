/** Looking at another node: the port by which a node shows what its own admin endpoints would. */

/** What an endpoint that only looks is asked. */
export interface ViewRequest {
  /** As the route has it, with its `:name` parts. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: string;
}

export interface ViewAnswer {
  readonly status: number;
  readonly body: unknown;
}

export type AnswerView = (request: ViewRequest) => Promise<ViewAnswer> | ViewAnswer;

export interface NodeViews {
  /** Why other nodes cannot be asked at the moment, or `null`. */
  readonly problem: string | null;
  /** @param instance of the node, by which others ask for it */
  start(instance: string, answer: AnswerView): void;
  /** @returns `null` when it did not answer in time, or could not be asked */
  ask(instance: string, request: ViewRequest): Promise<ViewAnswer | null>;
}
