#!/bin/sh
# SPDX-License-Identifier: MIT
# examples/data/corpus.sh: English prose out of Debian packages, for pretraining examples/data/tiny.
#
#   examples/data/corpus.sh OUTDIR
#
# Downloads the packages named below (apt-get download: nothing is installed), unpacks them under OUTDIR,
# cleans them, and writes OUTDIR/train.txt and OUTDIR/heldout.txt. Given the package versions, which are
# printed, the two files are a function of nothing else. Needs apt, dpkg, gzip, findutils, coreutils and
# perl-base. Run again, it keeps the packages it has; remove OUTDIR/deb to fetch newer ones.
set -eu
LC_ALL=C; export LC_ALL

packages='bible-kjv-text dict-devil golang-github-andybalholm-brotli-dev golang-github-colinmarc-hdfs-dev
  golang-github-pierrec-lz4-dev jargon-text liblingua-stem-perl postgresql-doc-15 python-django-doc
  python3.11-doc r-cran-janeaustenr rust-doc sqlite3-doc'

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
mkdir -p "$1/deb" "$1/tree"
out=$(cd "$1" && pwd)

for package in $packages; do
  set -- "$out/deb/${package}_"*.deb
  if [ ! -f "$1" ]; then
    (cd "$out/deb" && apt-get -q -o APT::Sandbox::User=root download "$package" > /dev/null)
    set -- "$out/deb/${package}_"*.deb
  fi
  [ $# -eq 1 ] || { echo "$0: $# files match ${package}_*.deb in $out/deb; keep one" >&2; exit 1; }
  version=$(dpkg-deb -f "$1" Version)
  printf '%-38s %s\n' "$package" "$version"
  if [ "$(cat "$out/tree/$package.version" 2> /dev/null)" != "$version" ]; then
    rm -rf "$out/tree/$package"
    dpkg-deb -x "$1" "$out/tree/$package"
    echo "$version" > "$out/tree/$package.version"
  fi
done

cat > "$out/clean.pl" <<'PERL'
use strict;
use warnings;

my ($out) = @ARGV;
my $held_total = 128 * 1024;                        # bytes of heldout.txt, at most
my $section_bytes = 8 * 1024;                       # what train.txt is shuffled in
my $held_bytes = 4 * 1024;                          # of one held-out document; the rest of it goes nowhere

# ---- reading ----------------------------------------------------------------------------------------------

sub slurp {
  my ($path) = @_;
  open my $f, '<:raw', $path or die "$path: $!\n";
  local $/;
  <$f>
}

sub gunzip {                                        # of a string, whatever trailer it has
  my ($bytes) = @_;
  my $path = "$out/.chunk";
  open my $f, '>:raw', $path or die "$path: $!\n"; print $f $bytes; close $f;
  open my $p, '-|', "gzip -dc < '$path' 2> /dev/null" or die "gzip: $!\n";
  binmode $p; local $/; my $s = <$p>; close $p; unlink $path;
  $s
}

# The King James text is cut into windows, each compressed as compress(1) would; all but the first lost
# their three-byte magic. Verses read "Ge1:1 In the beginning ..."; five of them become a paragraph.
sub bible {
  my $file = slurp(@_);
  my ($count) = unpack 'N', substr $file, 0x58, 4;
  my @at = unpack "N$count", substr $file, 0x5c, 4 * $count;
  my $text = join '', map {
    my $end = $_ + 1 < $count ? $at[$_ + 1] : length $file;
    gunzip("\x1f\x9d\x90" . substr $file, $at[$_], $end - $at[$_])
  } 0 .. $count - 1;
  my ($chapter, $result) = ('', '');
  for (split /\n/, $text) {
    next unless /^(\d?[A-Za-z]+\d+):(\d+) +(.*)/;
    $result .= ($1 eq $chapter && $2 % 5 != 1 ? ' ' : "\n\n") . $3;
    $chapter = $1;
  }
  $result =~ s/[{}\[\]<>]//g;
  $result
}

# R keeps its lazy-loaded data as a four-byte length and a zlib stream per object; a zlib stream is two bytes,
# a deflate stream and a checksum, so a gzip header makes it readable. A line is an element of type 9: four
# bytes of flags, its length in four, its bytes; numbers are big-endian.
sub novels {
  my $file = slurp(@_);
  my @novels;
  for (my $at = 0; $at + 6 < length $file;) {
    my $next = index $file, "x\x9c", $at + 6;
    # Where an object ends is not written beside it (the length is the unpacked one): look for the next one.
    $next = index $file, "x\x9c", $next + 1 while $next >= 0 && !plausible($file, $next);
    my $end = $next < 0 ? length $file : $next - 4;
    my $r = gunzip("\x1f\x8b\x08\0\0\0\0\0\0\xff" . substr $file, $at + 6, $end - $at - 6) // '';
    $at = $end;
    my @lines;
    while ($r =~ /\x00\x04\x00\x09(....)/gs) {
      my $n = unpack 'N', $1;
      last if $n == 0xffffffff || pos($r) + $n > length $r;
      push @lines, substr $r, pos $r, $n;
      pos($r) += $n;
    }
    push @novels, join "\n", @lines if @lines > 1000;
  }
  @novels
}
sub plausible {
  my $n = unpack 'N', substr $_[0], $_[1] - 4, 4;
  $n > 16 && $n < 1 << 21
}

my %entity = (lt => '<', gt => '>', amp => '&', quot => '"', apos => "'", nbsp => ' ', mdash => '--',
              ndash => '-', lsquo => "'", rsquo => "'", ldquo => '"', rdquo => '"', hellip => '...',
              copy => '(c)');

sub html {
  my $s = slurp(@_);
  $s =~ s/^.*?role="main"[^>]*>//s || $s =~ s/^.*?<main>//s || $s =~ s/^.*?<body\b[^>]*>//si;
  $s =~ s/<\/main>.*//s;
  $s =~ s/<div class="(?:sphinxsidebar|footer|navfooter|related)".*//s;
  $s =~ s/<!--.*?-->//gs;
  $s =~ s/<(script|style|pre|nav|dt|svg|h[1-6]|button)\b.*?<\/\1\s*>/\n\n/gsi;
  1 while $s =~ s/<table\b(?:(?!<table\b).)*?<\/table\s*>/\n\n/gsi;
  $s =~ s/<a class="headerlink".*?<\/a>//gs;
  $s =~ s/<br\s*\/?>/ /gi;
  $s =~ s/<\/?(?:p|div|li|ul|ol|dl|dd|blockquote|section|hr|center|aside|tr|td|th)\b[^>]*>/\n\n/gi;
  $s =~ s/<[^>]*>//g;
  $s =~ s/&#x([0-9a-f]+);/utf8_of(hex $1)/gei;
  $s =~ s/&#(\d+);/utf8_of($1)/ge;
  $s =~ s/&(\w+);/$entity{$1} \/\/ ' '/ge;
  $s
}
sub utf8_of { my $c = chr $_[0]; utf8::encode($c); $c }

sub plain { slurp(@_) }

sub gutenberg {                                     # the books, without the pages about where they came from
  my $s = slurp(@_);
  $s =~ s/\r//g;
  $s =~ s/^.*?\*\*\* ?START OF TH[^\n]*\n//s;
  $s =~ s/\*\*\* ?END OF TH.*//s;
  $s =~ s/\n(?:The|This is the)? ?Project Gutenberg Etext.*?\*END\*?[^\n]*\n/\n\n/gsi;
  $s =~ s/\n\[?Illustration[^\n]*\n/\n/g;
  $s
}
sub hyphenated { gutenberg(@_) =~ s/(?<!\ba)(?<!\bto)([a-z]{2})-\n([a-z])/$1$2/gr }
sub zipped { gunzip(slurp(@_)) =~ s/[{}]//gr }
sub devil {                                         # the headword and its part of speech are not prose
  zipped(@_) =~ s/^\s*[A-Z' -]+, (?:n|adj|v\.[ti]|adv|pp|p\.p|n\.pl|x|interj)\.[ \t]*/\n/gmr
}

# ---- cleaning ---------------------------------------------------------------------------------------------

my %ascii = ("\x{2018}" => "'", "\x{2019}" => "'", "\x{201a}" => "'", "\x{201c}" => '"', "\x{201d}" => '"',
             "\x{2013}" => '-', "\x{2014}" => '--', "\x{2026}" => '...', "\x{a0}" => ' ', "\x{2192}" => '->',
             "\x{e6}" => 'ae', "\x{c6}" => 'Ae', "\x{153}" => 'oe', "\x{152}" => 'Oe', "\x{df}" => 'ss',
             "\x{2010}" => '-', "\x{2011}" => '-', "\x{feff}" => '', "\x{200b}" => '', "\x{ad}" => '');
my @accented = (0xc0 .. 0xc2, 0xc4, 0xc7 .. 0xcb, 0xd6, 0xdc, 0xe0 .. 0xe2, 0xe4, 0xe7 .. 0xef, 0xf1 .. 0xf4,
                0xf6, 0xf9 .. 0xfc);
@ascii{map chr, @accented} = split //, 'AAAACEEEEOUaaaaceeeeiiiinoooouuuu';

my %function_word = map { $_ => 1 } qw(the of and to a in is that it for as with be by on not this are or
  from at was he his i you have had but which an if they all were we can will so no when has would who him one
  their she her there been my your its then them what do may must any such than only into more these also
  should use);

# Would a person read the paragraph aloud? Literature may speak in short lines, documentation may not.
sub prose {
  my ($p, $literature) = @_;
  my $n = length $p;
  return 0 unless $p =~ /^["'(]*[A-Z]/ && $p =~ /[a-z]/ && $p =~ /[.!?:;,]["')\]]*$|--["']?$/;
  return 0 if $p =~ /nigger|\bfuck|\bshit(?:ty|s)?\b|\bfaggot/i;   # words that a demonstration need not learn
  return 0 if $p =~ /gutenberg|etext|e-text|ebook|\bwww\.|https?:|ftp\.|\@\w+\./i;
  return 0 if $p =~ /copyright|\(c\)|footnote|illustration/i;
  return 0 if $p =~ /[^\x20-\x7e\n]/;
  my @words = split /[^A-Za-z']+/, $p;
  return 0 if $n < ($literature ? 8 : 80) || @words < ($literature ? 2 : 12);
  my $odd = () = $p =~ /[{}<>=_\\|#\$\@\/*~^`\[\]+%&]/g;
  my $digits = () = $p =~ /\d/g;
  my $capitals = () = $p =~ /[A-Z]/g;
  return 0 if $odd > 0.02 * $n || $digits > 0.05 * $n || $capitals > ($literature ? 0.25 : 0.10) * $n;
  my $common = grep { $function_word{lc $_} } @words;
  return @words < 12 || $common >= ($literature ? 0.2 : 0.28) * @words;
}

sub paragraphs {
  my ($s, $literature) = @_;
  utf8::decode($s) or 1;                            # what is not UTF-8 stays as it is: Latin-1
  $s =~ s/\r//g;
  $s =~ s/([^\x00-\x7f])/$ascii{$1} \/\/ $1/ge;
  $s =~ s/\t/ /g;
  my @result;
  for (split /\n\s*\n/, $s) {
    s/_//g if $literature;
    my @lines = grep { length } map { s/^\s+|\s+$//gr } split /\n/;
    next unless @lines;
    my $capital = grep { /^["'(]*[A-Z]/ } @lines;
    my $longest = 0;
    for (@lines) { $longest = length if length > $longest }
    my $verse = $literature && @lines > 2 && $longest < 56 && $capital >= 0.8 * @lines;
    my $p = join $verse ? "\n" : ' ', @lines;
    $p =~ s/([^ -]-) (?=[a-z])/$1/g if $literature && !$verse;   # a hyphen at a line's end
    $p =~ s/-- (?=\w)/--/g if $literature;
    $p =~ s/ {2,}/ /g;
    $p =~ s/ ([,.;:])(?= |$)/$1/g;
    push @result, $p if prose($p, $literature);
  }
  @result
}

# ---- documents --------------------------------------------------------------------------------------------

sub hash32 {                                        # FNV-1a, then an avalanche: an order that nobody chose
  my $h = 2166136261;
  $h = (($h ^ $_) * 16777619) & 0xffffffff for unpack 'C*', $_[0];
  $h ^= $h >> 16; $h = ($h * 0x7feb352d) & 0xffffffff;
  $h ^= $h >> 15; $h = ($h * 0x846ca68b) & 0xffffffff;
  $h ^ $h >> 16
}

sub sections {                                      # runs of whole paragraphs
  my @sections = ([]);
  my $size = 0;
  for my $p (@_) {
    if ($size >= $section_bytes) { push @sections, []; $size = 0 }
    push @{$sections[-1]}, $p;
    $size += 2 + length $p;
  }
  @{$sections[-1]} ? @sections : ()
}

sub in_hashed_order {                               # of items whose second element is a name
  my $salt = shift;
  my @keyed = map { [hash32($salt . $_->[1]), $_] } @_;
  map { $_->[1] } sort { $a->[0] <=> $b->[0] || $a->[1][1] cmp $b->[1][1] } @keyed
}

my (%seen, @documents);                             # a document: source, name, paragraphs
sub add {
  my ($source, $name, $literature, $whole, $text) = @_;
  my @kept = grep {
    (my $key = lc) =~ tr/a-z0-9//cd;
    length $key < 40 || !$seen{$key}++
  } paragraphs($text, $literature);
  return unless @kept;
  if ($whole) { push @documents, [$source, $name, \@kept]; return }
  my $i = 0;
  push @documents, [$source, sprintf('%s#%04d', $name, $i++), $_] for sections(@kept);
}

sub find { my ($where) = @_; open my $p, '-|', "find $where" or die; my @f = sort <$p>; chomp @f; @f }

my $doc = 'usr/share/doc';
my $go = 'usr/share/gocode/src/github.com';
chdir "$out/tree" or die "$out/tree: $!\n";
my $novel = 'a';
add('austen', 'austen-' . $novel++, 1, 0, $_)
  for novels('r-cran-janeaustenr/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb');
add('bible', 'bible', 1, 0, bible('bible-kjv-text/usr/lib/bible.data'));
my $stem = "liblingua-stem-perl/$doc/liblingua-stem-perl/examples";
my $lz4 = "golang-github-pierrec-lz4-dev/$go/pierrec/lz4/testdata";
my $hdfs = "golang-github-colinmarc-hdfs-dev/$go/colinmarc/hdfs/testdata";
my $brotli = "golang-github-andybalholm-brotli-dev/$go/andybalholm/brotli/testdata";
add('poe', 'poe', 1, 0, gutenberg("$stem/collected_works_poe.txt"));
add('twain', 'huckfinn', 1, 0, hyphenated("$stem/huckfinn.txt"));
add('twain', 'sawyer', 1, 0, plain("$lz4/Mark.Twain-Tom.Sawyer.txt"));
add('doyle', 'holmes', 1, 0, gutenberg("$lz4/pg1661.txt"));
add('melville', 'moby', 1, 0, gutenberg("$hdfs/mobydick.txt"));
add('newton', 'opticks', 1, 0, plain("$brotli/Isaac.Newton-Opticks.txt"));
add('bierce', 'devil', 1, 0, devil('dict-devil/usr/share/dictd/devil.dict.dz'));
add('jargon', 'jargon', 0, 0, zipped("jargon-text/$doc/jargon-text/jargon.txt.gz"));
for (['sqlite', "sqlite3-doc -name '*.html'"],
     ['postgresql', "postgresql-doc-15 -name '*.html' ! -name 'release*' ! -name 'bookindex*'"
        . " ! -name 'acronyms*'"],
     ['django', "python-django-doc -name '*.html' ! -path '*/_modules/*' ! -path '*/releases/*'"
        . " ! -name 'genindex*'"],
     ['python', "python3.11-doc -name '*.html' ! -name 'genindex*' ! -name 'license*' ! -name 'copyright*'"],
     ['rust', join ' ', (map { "rust-doc/$doc/rust-doc/html/$_" }
        qw(book nomicon reference rustc rustdoc edition-guide rust-by-example)),
        "-name '*.html' ! -path '*-edition/*' ! -name print.html ! -name toc.html"]) {
  my ($source, $where) = @$_;
  add($source, $_, 0, 1, html($_)) for find($where);
}

# ---- what is held out -------------------------------------------------------------------------------------

my (%size, $total);
for (@documents) { my $n = 0; $n += 2 + length for @{$_->[2]}; $size{$_->[0]} += $n; $total += $n }
my (%held, %taken, @train, @heldout);
for my $d (in_hashed_order('held ', @documents)) {
  my ($source, $name, $paragraphs) = @$d;
  my $quota = 1.15 * $held_total * $size{$source} / $total;   # some of it will be found to repeat the rest
  my $bytes = 0; $bytes += 2 + length for @$paragraphs;
  if (($taken{$source} // 0) >= $quota || $bytes < 1024) { push @train, $d; next }
  my $skip = $bytes > 2 * $held_bytes ? $held_bytes / 2 : 0;   # what surrounds the passage is in neither file
  my $most = $quota - ($taken{$source} // 0);
  $most = $held_bytes if $most > $held_bytes;
  my ($at, $got, @keep) = (0, 0);
  for (@$paragraphs) {
    if ($at >= $skip && $got < $most) { push @keep, $_; $got += 2 + length }
    $at += 2 + length;
  }
  $taken{$source} += $got;
  push @heldout, [$source, $name, \@keep];
}

# A held-out paragraph goes if a fifth of its runs of eight words are in the training text.
sub runs {
  my @w = grep { length } split /[^a-z0-9]+/, lc $_[0];
  return "@w" if @w < 8;
  map { "@w[$_ .. $_ + 7]" } 0 .. $#w - 7
}
my %run;
for my $d (@heldout) { for my $p (@{$d->[2]}) { $run{$_} = 0 for runs($p) } }
for my $d (@train) { for my $p (@{$d->[2]}) { exists $run{$_} and $run{$_} = 1 for runs($p) } }
my $dropped = 0;
for my $d (@heldout) {
  my @kept = grep {
    my @r = runs($_);
    my $known = grep { $run{$_} } @r;
    $known <= 0.2 * @r
  } @{$d->[2]};
  $dropped += @{$d->[2]} - @kept;
  $d->[2] = \@kept;
}

# ---- writing ----------------------------------------------------------------------------------------------

my %count;
open my $f, '>:raw', "$out/train.txt.new" or die;
my @pieces;
for (@train) {
  my ($source, $name, $paragraphs) = @$_;
  my $i = 0;
  push @pieces, [$source, "$name/" . $i++, $_] for sections(@$paragraphs);
}
for (in_hashed_order('', @pieces)) {
  my $text = join('', map { "$_\n\n" } @{$_->[2]});
  print $f $text;
  $count{$_->[0]}[0] += length $text;
}
close $f or die;

open $f, '>:raw', "$out/heldout.txt.new" or die;
my $written = 0;
my %from;
for my $d (sort { $a->[0] cmp $b->[0] || $a->[1] cmp $b->[1] } @heldout) {
  my ($source, $name, $paragraphs) = @$d;
  $from{$source} //= $written;
  for (@$paragraphs) {
    my $text = "$_\n\n";
    last if ($count{$source}[1] // 0) + length($text) > $held_total * $size{$source} / $total;
    print $f $text;
    $written += length $text;
    $count{$source}[1] += length $text;
  }
}
close $f or die;
for ('train.txt', 'heldout.txt') { rename "$out/$_.new", "$out/$_" or die "$out/$_: $!\n" }

printf "%-12s %12s %12s   heldout.txt from byte\n", 'source', 'train bytes', 'held out';
for (sort keys %count) {
  printf "%-12s %12d %12d   %d\n", $_, $count{$_}[0] // 0, $count{$_}[1] // 0, $from{$_} // 0;
}
printf "%d held-out paragraphs left out because train.txt knows them\n", $dropped;
PERL
perl "$out/clean.pl" "$out"
rm -f "$out/clean.pl"
(cd "$out" && wc -c train.txt heldout.txt && sha256sum train.txt heldout.txt)
