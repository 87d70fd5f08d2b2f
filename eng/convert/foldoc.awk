# Cuts a dictionary of the DICT format into plain text files in the present folder, one for each pair of letters that headwords
# begin with: awk -f foldoc.awk NAME.index NAME.dict. The index says where each entry begins (a byte, in base 64); entries
# that describe the database itself (00-database-...) are left out. Any awk will do, in the locale C: it counts bytes.

BEGIN {
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    FS = "\t"
}

function number(text,   i, sum) {
    for (i = 1; i <= length(text); i++) sum = sum * 64 + index(digits, substr(text, i, 1)) - 1
    return sum + 0
}

# The file of an entry: aa.txt ... zz.txt; other characters count as 0.
function file_of(headword,   name) {
    name = tolower(substr(headword "00", 1, 2))
    gsub(/[^a-z]/, "0", name)
    return name ".txt"
}

FILENAME != last { last = FILENAME; files++ }

files == 1 {
    if ($1 !~ /^00-?database/) starts[number($2)] = 1
    else skipped[number($2)] = 1
    next
}

position in skipped { output = "" }
position in starts {
    if (output != "" && output != file_of($0)) close(output)
    output = file_of($0)
}
{
    position += length($0) + 1
    if (output != "") print >> output
}
