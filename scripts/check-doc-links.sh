#!/usr/bin/env bash
# Fails when a relative link or anchor in a tracked Markdown file leads nowhere. `--self-test` shows that it can fail.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# check FOLDER: prints the dead links of the repository there; fails when there is one.
check() {
  cd "$1"
  git ls-files -z --cached --others --exclude-standard -- '*.md' | perl -CSD -Mutf8 -0 -e '
    use strict; use warnings; use File::Basename; use File::Spec;
    my ($dead, $links, %anchors) = (0, 0);
    sub text { open my $in, "<:encoding(UTF-8)", $_[0] or return ""; local $/; return <$in> // "" }
    # Code is not read for links and headings.
    sub prose { my $text = text($_[0]); $text =~ s/^( *)(```+|~~~+).*?^\1\2[ \t]*$//gms; return $text }
    # A heading as GitHub makes an anchor of it.
    sub slug {
      my $text = lc $_[0];
      $text =~ s/\[([^\]]*)\]\([^)]*\)/$1/g; $text =~ s/[`*]//g; $text =~ s/[^\w\- ]//g; $text =~ s/ /-/g;
      return $text;
    }
    sub anchors {
      my $file = shift;
      return $anchors{$file} //= do {
        my (%seen, %found);
        for (prose($file) =~ /^#{1,6}[ \t]+(.*?)[ \t#]*$/gm) {
          my $slug = slug($_);
          $found{$seen{$slug} ? "$slug-$seen{$slug}" : $slug} = 1;
          $seen{$slug}++;
        }
        $found{$1} = 1 while prose($file) =~ /<a (?:id|name)="([^"]+)"/g;
        \%found;
      };
    }
    chomp(my @files = <STDIN>);
    for my $file (@files) {
      next unless -e $file;
      my $prose = prose($file);
      $prose =~ s/(`+)[^\n]*?\1//g;
      while ($prose =~ /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\[[^\]]+\]:\s*(\S+)|<img [^>]*src="([^"]+)"/gm) {
        my $link = $1 // $2 // $3;
        next if $link =~ /^[a-z][a-z0-9+.-]*:/i;
        $links++;
        my ($path, $anchor) = split /#/, $link, 2;
        # A document of an app names resources of its workspace.
        next if $file =~ m{^examples/[^/]+/src/} && $path =~ /\.(table|form|chart|docs|fn)$/;
        $path =~ s/%([0-9a-f]{2})/chr hex $1/gei;
        my $target = $path eq "" ? $file : $path =~ m{^/} ? substr($path, 1) : File::Spec->catfile(dirname($file), $path);
        1 while $target =~ s{(^|/)(?!\.\./)[^/]+/\.\./}{$1};
        $target =~ s{^\./}{}; $target =~ s{/\./}{/}g;
        if (!-e $target) { print "$file: $link leads nowhere\n"; $dead++ }
        elsif (defined $anchor && $anchor ne "" && $target =~ /\.md$/ && !anchors($target)->{$anchor}) {
          print "$file: $link: no such heading\n"; $dead++;
        }
      }
    }
    print scalar(@files), " Markdown files, $links links inside the repository, $dead dead\n";
    exit($dead ? 1 : 0);
  '
}

self_test() {
  local failed=0
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  git -C "$folder" init -q
  mkdir -p "$folder/docs"
  printf '# Guide\n\n## What `it` does, and why\n\n## Twice\n\n## Twice\n' >"$folder/docs/guide.md"
  expect() { # STATUS TEXT
    printf '%b\n' "# Top\n\n$2" >"$folder/README.md"
    local status=0
    (check "$folder") >/dev/null || status=$?
    [ "$status" -eq "$1" ] || { echo "self-test: '$2' gave $status"; failed=1; }
  }
  expect 0 '[a](docs/guide.md) [b](docs/guide.md#what-it-does-and-why) [c](#top) [d](https://example.com/none) [e](docs/)'
  expect 0 '[a](docs/guide.md#twice-1) `[x](none.md)`'
  expect 0 '```\n[x](none.md)\n```'
  expect 1 '[a](docs/none.md)'
  expect 1 '[a](docs/guide.md#none)'
  expect 1 '[a](#none)'
  expect 1 '![a](docs/none.png)'
  expect 1 '[a]: docs/none.md'
  expect 1 '```\ncode\n```\n[a](none.md)\n```\ncode\n```'
  mkdir -p "$folder/examples/app/src"
  printf '# Runbook\n\n![](sale.chart) [x](sale.table)\n' >"$folder/examples/app/src/runbook.md"
  expect 0 'the resources of an app'
  expect 1 '[a](sale.table)'
  [ "$failed" -eq 0 ] && echo "dead links are found"
  return "$failed"
}

if [ "${1:-}" = --self-test ]; then self_test; else check "$here"; fi
