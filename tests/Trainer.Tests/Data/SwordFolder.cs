using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace OnnxMoe.Trainer.Tests.Data;

/// <summary>Writes verses in the form of the SWORD project, a zlib block for each book.</summary>
internal static class SwordFolder
{
    /// <summary>A small Bible in two languages in FOLDER/raw: books 1 to 8 of the Old Testament and 1 to 20 of the New, each of a few short verses.</summary>
    public static void WriteBible(string folder)
    {
        string[] english = ["light", "earth", "water", "king"], spanish = ["luz", "tierra", "agua", "rey"];
        foreach (var (name, words) in new[] { ("kjv", english), ("rv1909", spanish) })
        {
            string Verse(int number) => $"<w>{words[number % 4]}</w> and <note n=\"a\">a note</note>{words[number / 4 % 4]} of {words[(number + 1) % 4]}";
            Write(Path.Combine(folder, "raw", name), "ot", [.. Enumerable.Range(1, 22).Select(book => Enumerable.Range(0, 6).Select(i => Verse(book + i)).ToArray())]);
            Write(Path.Combine(folder, "raw", name), "nt", [.. Enumerable.Range(1, 20).Select(book => Enumerable.Range(0, 6).Select(i => Verse(book * 3 + i)).ToArray())]);
        }
    }

    /// <param name="folder">Made.</param>
    /// <param name="name">ot or nt.</param>
    /// <param name="books">Verses of book 1, 2, ...; an empty heading goes before each book.</param>
    public static void Write(string folder, string name, string[][] books)
    {
        Directory.CreateDirectory(folder);
        var (index, verses, data) = (new MemoryStream(), new MemoryStream(), new MemoryStream());
        Block(""); // the testament's heading
        Verse(0, 0, 0);
        for (var book = 0; book < books.Length; book++)
        {
            Block(string.Concat(books[book]));
            Verse(book + 1, 0, 0);
            var start = 0;
            foreach (var verse in books[book])
            {
                var length = Encoding.UTF8.GetByteCount(verse);
                Verse(book + 1, start, length);
                start += length;
            }
        }
        File.WriteAllBytes(Path.Combine(folder, $"{name}.bzs"), index.ToArray());
        File.WriteAllBytes(Path.Combine(folder, $"{name}.bzv"), verses.ToArray());
        File.WriteAllBytes(Path.Combine(folder, $"{name}.bzz"), data.ToArray());

        void Block(string text)
        {
            var (at, plain) = ((int)data.Length, Encoding.UTF8.GetBytes(text));
            using (var zlib = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
                zlib.Write(plain);
            Numbers(index, at, (int)data.Length - at, plain.Length);
        }

        void Verse(int book, int start, int length)
        {
            Numbers(verses, book, start);
            var two = new byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(two, (ushort)length);
            verses.Write(two);
        }
    }

    private static void Numbers(MemoryStream to, params int[] numbers)
    {
        foreach (var number in numbers)
        {
            var four = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(four, number);
            to.Write(four);
        }
    }
}
