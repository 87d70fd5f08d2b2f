using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>
/// Reads a text of the SWORD project's format zText (verses in zlib blocks, a block a book), as plain text. NAME.bzs has for each block its place, compressed
/// size and size; NAME.bzv for each verse its block, start and length; NAME.bzz the blocks.
/// </summary>
internal static partial class SwordText
{
    private const int BlockRecord = 12;
    private const int VerseRecord = 10;

    /// <summary>All verses in order, headings and chapter beginnings as empty ones.</summary>
    /// <param name="folder">Of the files.</param>
    /// <param name="name">ot or nt.</param>
    /// <returns>The number of the book within the testament, from 1, and the text.</returns>
    /// <exception cref="UserError">A file is damaged.</exception>
    public static IReadOnlyList<(int Book, string Text)> Read(string folder, string name)
    {
        byte[] File(string ending) => System.IO.File.ReadAllBytes(Path.Combine(folder, $"{name}.{ending}"));
        var (index, verses, data) = (File("bzs"), File("bzv"), File("bzz"));
        try
        {
            var blocks = index.Chunk(BlockRecord).Select(record => Inflate(data.AsSpan((int)Number(record, 0), (int)Number(record, 4)).ToArray())).ToArray();
            return [.. verses.Chunk(VerseRecord).Select(record =>
            {
                var (book, start, length) = ((int)Number(record, 0), (int)Number(record, 4), BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(8)));
                return (book, length == 0 ? "" : Plain(Encoding.UTF8.GetString(blocks[book], start, length)));
            })];
        }
        catch (Exception problem) when (problem is InvalidDataException or ArgumentException or IndexOutOfRangeException)
        {
            throw new UserError($"{Path.Combine(folder, name)}.bz? is damaged: fetch the text again with 'eng/fetch-data'.", problem);
        }
    }

    private static uint Number(byte[] record, int at) => BinaryPrimitives.ReadUInt32LittleEndian(record.AsSpan(at));

    private static byte[] Inflate(byte[] compressed)
    {
        if (compressed.Length == 0)
            return [];
        using var plain = new MemoryStream();
        using var zlib = new ZLibStream(new MemoryStream(compressed), CompressionMode.Decompress);
        zlib.CopyTo(plain);
        return plain.ToArray();
    }

    /// <summary>Without notes, titles and mark-up (OSIS).</summary>
    private static string Plain(string osis) => Blanks().Replace(Tags().Replace(Asides().Replace(osis, ""), "").Replace("¶", " ", StringComparison.Ordinal), " ").Trim();

    [GeneratedRegex("<(note|title)\\b.*?</\\1>", RegexOptions.Singleline)]
    private static partial Regex Asides();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tags();

    [GeneratedRegex("\\s+")]
    private static partial Regex Blanks();
}
