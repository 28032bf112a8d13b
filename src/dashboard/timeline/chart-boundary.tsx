import { Component, type ReactNode } from "react";
import classes from "./timeline.module.css";

/**
 * Where the histogram cannot be loaded or drawn, the counts beside it and the trail below it are still
 * there. It fails to load on the way to a newer version of the page; uPlot does also for a language of
 * the browser that is none.
 */
export class ChartBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    if (!this.state.hasFailed) return this.props.children;
    return (
      <p className={classes.quiet}>The timeline cannot be drawn. Reloading the page may help.</p>
    );
  }
}
