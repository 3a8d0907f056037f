// Command bridge turns CloudEvents from Kafka into as few, as timely and as
// exact pushes as a scarce push API allows. `bridge help` lists what it can do.
//
// One file a subcommand: flags, then configuration, then one package does the
// work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones of rule files and of flags, where the machine has none
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end, a second one ends at once.
	context.AfterFunc(ctx, stop)
	err := execute(ctx, newRootCmd())
	stop()
	os.Exit(report(os.Stderr, err))
}
