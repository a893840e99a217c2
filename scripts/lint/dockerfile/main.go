// Reads a Dockerfile with BuildKit's own parser and checks what can be known of an image that was not built.
package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// A base that is one ARG and nothing else can be replaced by a digest from outside.
var argument = regexp.MustCompile(`^\$\{([A-Z_]+)\}$`)

// By numbers, so that Kubernetes can see that it is not root.
var user = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

// Of the OCI image specification's annotations.
var labels = []string{"title", "description", "licenses", "source", "version", "revision"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dockerfile FILE")
		os.Exit(2)
	}
	wrong, err := check(os.Args[1])
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, sentence := range wrong {
		fmt.Fprintf(os.Stderr, "%s: %s\n", os.Args[1], sentence)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
}

func check(path string) (wrong []string, err error) {
	say := func(format string, values ...any) { wrong = append(wrong, fmt.Sprintf(format, values...)) }
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	for _, warning := range parsed.Warnings {
		say("%s", warning.Short)
	}
	rules := linter.New(&linter.Config{
		Warn: func(rule, description, _, message string, _ []parser.Range) { say("%s: %s (%s)", rule, message, description) },
	})
	stages, arguments, err := instructions.Parse(parsed.AST, rules)
	if err != nil {
		return wrong, err
	}
	if len(stages) != 2 {
		say("%d stages, where one builds and one is the image", len(stages))
		return wrong, nil
	}
	defaults := map[string]bool{}
	for _, command := range arguments {
		for _, pair := range command.Args {
			defaults[pair.Key] = pair.Value != nil && *pair.Value != ""
		}
	}
	for _, stage := range stages {
		name := argument.FindStringSubmatch(stage.BaseName)
		switch {
		case name == nil:
			say("FROM %s is not one ARG alone, so it cannot be pinned by digest from outside", stage.BaseName)
		case !defaults[name[1]]:
			say("ARG %s has no default", name[1])
		}
	}
	image(stages[0], stages[1], say)
	return wrong, nil
}

// The last stage: one program that runs as nobody in particular, and nothing that could run another.
func image(build, last instructions.Stage, say func(string, ...any)) {
	found := map[string]bool{}
	var runsAs string
	var copies, entries int
	for _, command := range last.Commands {
		switch command := command.(type) {
		case *instructions.CopyCommand:
			copies++
			if command.From != build.Name || len(command.SourcePaths) != 1 || strings.HasSuffix(command.SourcePaths[0], "/") {
				say("%s: only one file of stage %s belongs into the image", command, build.Name)
			}
		case *instructions.UserCommand:
			runsAs = command.User
		case *instructions.EntrypointCommand:
			entries++
			if command.PrependShell {
				say("ENTRYPOINT needs a shell; write it as a list")
			}
		case *instructions.CmdCommand:
			if command.PrependShell {
				say("CMD needs a shell; write it as a list")
			}
		case *instructions.LabelCommand:
			for _, pair := range command.Labels {
				found[strings.Trim(pair.Key, `"`)] = pair.Value != ""
			}
		case *instructions.ArgCommand, *instructions.ExposeCommand:
		default:
			say("%s does not belong into the last stage, which holds one program and no shell", command.Name())
		}
	}
	if copies != 1 {
		say("the image gets %d files, not one", copies)
	}
	if entries != 1 {
		say("%d entry points", entries)
	}
	if !user.MatchString(runsAs) {
		say("USER is %q and must be the numbers of a user and a group that are not root", runsAs)
	}
	for _, name := range labels {
		if !found["org.opencontainers.image."+name] {
			say("label org.opencontainers.image.%s is missing", name)
		}
	}
}
