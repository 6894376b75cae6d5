/** Resolves when the user ends the command, with Ctrl-C or a signal; a second one ends it at once. */
export const untilStopped = (): Promise<void> =>
  new Promise((resolve) => {
    let isStopped = false;
    const stop = (): void => {
      if (isStopped) process.exit(130);
      isStopped = true;
      resolve();
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  });
