/** A component that renders again only for other properties (or a signal that it read). */

import { type ComponentChildren, type FunctionComponent, h } from "preact";
import { useMemo } from "preact/hooks";

export function memo<P extends object>(component: (props: P) => ComponentChildren): FunctionComponent<P> {
  const Inner = component as FunctionComponent<P>;
  return function Memoised(props: P) {
    const values = Object.values(props as Record<string, unknown>);
    // The same element again tells Preact that nothing below it changed.
    return useMemo(() => h(Inner, props), values);
  };
}
