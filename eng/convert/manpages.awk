# Reads the troff source of a manual page, writes it as plain text: headings, a line a paragraph, program text as it stands.
# It knows the man macros and the escapes that the package manpages uses; other requests go, with their arguments. Not kept:
# fonts, indentation, conditions and definitions (.if .ie .el .de .ds), the layout of tables (a row becomes a line). Any awk will do.

function flush() {
    if (paragraph != "") emit(paragraph)
    paragraph = ""; glue = 0
}

function emit(line) {
    if (gap && written) print ""
    gap = 0; written = 1
    sub(/ +$/, "", line)
    print line
}

# New text in the present paragraph; verbatim it is a line of its own.
function add(text,   open) {
    open = sub(/\\c$/, "", text)
    text = plain(text)
    if (verbatim) { emit(text); return }
    if (text == "") return
    paragraph = paragraph (paragraph == "" || glue ? "" : " ") text
    glue = open
    if (tag) { tag = 0; flush() }
}

function plain(text,   name, out) {
    gsub(/\\f(\(..|\[[^]]*\]|.)/, "", text)
    gsub(/\\[nws]([-+]?[0-9]|\(..|\[[^]]*\]|'[^']*')/, "", text)
    gsub(/\\[hvN]'[^']*'/, "", text)
    gsub(/\\\*-/, "-", text)
    gsub(/\\\*[<>:]/, "", text)
    gsub(/\\\*\(/, "\\(", text)
    gsub(/\\[&:%\/,|^{}cdu]/, "", text)
    gsub(/\\[ ~0]/, " ", text)
    gsub(/\\-/, "-", text)
    gsub(/\\[`]/, "`", text)
    gsub(/\\[']/, "'", text)
    out = ""
    while (match(text, /\\(\(..|\[[^]]*\])/)) {
        name = substr(text, RSTART + 2, RLENGTH - 2)
        sub(/\]$/, "", name)
        out = out substr(text, 1, RSTART - 1) (name in glyph ? glyph[name] : "")
        text = substr(text, RSTART + RLENGTH)
    }
    text = out text
    gsub(/\\[e\\]/, "\001", text)
    gsub(/\\/, "", text)
    gsub(/\001/, "\\", text)
    return text
}

# Splits the arguments of a macro into argument[1...]; "..." holds blanks, and "" inside it is a quote.
function arguments(line,   count, word, quoted, i, c) {
    count = 0; word = ""; quoted = 0; started = 0
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "\\") { word = word substr(line, i, 2); i++; started = 1 }
        else if (c == "\"" && quoted && substr(line, i + 1, 1) == "\"") { word = word c; i++ }
        else if (c == "\"" && (quoted || !started)) { quoted = !quoted; started = 1 }
        else if ((c == " " || c == "\t") && !quoted) { if (started) argument[++count] = word; word = ""; started = 0 }
        else { word = word c; started = 1 }
    }
    if (started) argument[++count] = word
    return count
}

function joined(count, between,   i, text) {
    for (i = 1; i <= count; i++) text = text (i > 1 ? between : "") argument[i]
    return text
}

function macro(name, line,   count) {
    count = arguments(line)
    if (name ~ /^(B|I|SM)$/) { if (count) add(joined(count, " ")) }
    else if (name ~ /^(BR|IR|RB|RI|BI|IB|SB)$/) add(joined(count, ""))
    else if (name == "TH") { flush(); emit(plain(argument[1] "(" argument[2] ")")) }
    else if (name ~ /^S[HS]$/) { flush(); gap = 1; if (count) emit(plain(joined(count, " "))) }
    else if (name ~ /^(PP|P|LP|sp|HP)$/) { flush(); gap = 1 }
    else if (name ~ /^T[PQ]$/) { flush(); gap = gap || name == "TP"; tag = 1 }
    else if (name == "IP") { flush(); gap = 1; if (count && argument[1] != "") paragraph = plain(argument[1]) }
    else if (name == "br" || name == "YS") flush()
    else if (name ~ /^(nf|EX)$/) { flush(); verbatim = 1 }
    else if (name ~ /^(fi|EE)$/) { flush(); verbatim = 0 }
    else if (name == "SY") { flush(); add(argument[1]) }
    else if (name ~ /^[UM]R$/) address = argument[1]
    else if (name ~ /^[UM]E$/) add("<" address ">" argument[1])
    else if (name == "q") add(argument[3] "\"" argument[1] "\"" argument[2])  # the manual of zic defines it
    else if (name == "TS") { flush(); table = 1; blank = "\t" }
    argument[1] = argument[2] = argument[3] = ""
}

BEGIN {
    count = split("bu * aq ' ha ^ dq \" em -- en - hy - ti ~ rq \" lq \" oq ' cq ' ga ` +- +/- fm ' ra > la < -> -> <- <- rs \\ at @ sh # Do $ ba | bv | mu x <= <= >= >= != != ** *", names, " ")
    for (i = 1; i < count; i += 2) glyph[names[i]] = names[i + 1]
    glyph["'a"] = "á"; glyph["`a"] = "à"; glyph["^a"] = "â"; glyph[":a"] = "ä"; glyph["mc"] = "µ"; glyph["de"] = "°"; glyph["co"] = "©"; glyph["dg"] = "+"; glyph["sd"] = "\""; glyph["^o"] = "ô"
}

defining { if ($0 ~ /^\.\.$/) defining = 0; next }
skipping { if ($0 ~ /\\}/) skipping = 0; next }
/^[.'][ \t]*(de1?|am|ig)([ \t]|$)/ { defining = 1; next }
/^[.'][ \t]*(if|ie|el)[ \t]/ { skipping = $0 ~ /\\{/ && $0 !~ /\\}/; next }
/^[.'][ \t]*(\\"|$)/ || /^'\\"/ { next }
match($0, /(^|[^\\])\\"/) { $0 = substr($0, 1, RSTART + RLENGTH - 3); sub(/[ \t]+$/, "") }
table == 1 { if ($0 ~ /;[ \t]*$/ && match($0, /tab *\(.\)/)) blank = substr($0, RSTART + RLENGTH - 2, 1); if ($0 ~ /\.[ \t]*$/) table = 2; next }
/^\.TE/ { table = 0; gap = 1; next }
table == 2 && /^\.T&/ { table = 1; next }
table == 2 && /^[^.']/ { n = split($0, cells, blank); row = ""; for (i = 1; i <= n; i++) if (cells[i] !~ /^(T[{}]|[_=]*)$/) row = row (row == "" ? "" : "  ") plain(cells[i]); if (row != "") emit(row); next }
/^[.']/ { name = $0; sub(/^[.'][ \t]*/, "", name); rest = name; sub(/[ \t].*/, "", name); sub(/^[^ \t]*[ \t]*/, "", rest); macro(name, rest); next }
/^[ \t]*$/ && !verbatim { flush(); gap = 1; next }
{ if (/^[ \t]/ && !verbatim) flush(); add($0) }
END { flush() }
