using System.Buffers;
using System.Collections.Concurrent;
using System.Text;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>
/// Byte-level byte-pair encoding, as GPT-2 does it (Radford et al. 2019; Sennrich et al. 2016): text is cut by GPT-2's pattern, and
/// inside each piece bytes are merged pair by pair. Any text can be encoded, and decoding gives it back.
/// </summary>
public sealed class BpeTokenizer : ITokenizer
{
    /// <summary>The usual file name.</summary>
    public const string FileName = "tokenizer.json";

    /// <summary>The content of the special token that ends a text.</summary>
    public const string EndOfTextContent = "<|endoftext|>";

    private const int MostCachedPieces = 200_000;
    private const int LongestCachedPiece = 64;
    private readonly BpeMerges _merges = new();
    private readonly int[] _byteIds = new int[256];
    private readonly byte[][] _bytes;
    private readonly AddedToken[] _added;
    private readonly SearchValues<string> _addedContents;
    private readonly Dictionary<string, int> _wholeTokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;

    /// <exception cref="UserError">A byte without a token, a merge whose result is no token, or no end-of-text token.</exception>
    public BpeTokenizer(BpeVocabulary vocabulary)
    {
        Vocabulary = vocabulary;
        VocabularySize = Math.Max(vocabulary.Tokens.Count, vocabulary.AddedTokens.Select(token => token.Id + 1).DefaultIfEmpty(0).Max());
        EndOfText = FindEndOfText(vocabulary.AddedTokens);
        _bytes = new byte[VocabularySize][];
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < VocabularySize; id++)
        {
            _bytes[id] = (id < vocabulary.Tokens.Count ? vocabulary.Tokens[id] : null) ?? [];
            ids.TryAdd(Encoding.Latin1.GetString(_bytes[id]), id);
        }
        for (var value = 0; value < 256; value++)
            _byteIds[value] = ids.TryGetValue(((char)value).ToString(), out var id) ? id : throw new UserError($"The tokenizer has no token for the byte 0x{value:X2}: it is not a byte-level one.");
        foreach (var (left, right) in vocabulary.Merges)
            _merges.Add(left, right, Result(left, right, ids));
        foreach (var token in vocabulary.AddedTokens)
            _bytes[token.Id] = token.Special ? [] : Encoding.UTF8.GetBytes(token.Content);
        if (vocabulary.IgnoreMerges)
            _wholeTokens = ids;
        // A character takes a byte at least.
        LongestToken = Math.Max(_bytes.Max(bytes => bytes.Length), vocabulary.AddedTokens.Select(token => token.Content.Length).DefaultIfEmpty(0).Max());
        _added = [.. vocabulary.AddedTokens.OrderByDescending(token => token.Content.Length)];
        _addedContents = SearchValues.Create([.. _added.Select(token => token.Content)], StringComparison.Ordinal);
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>What the tokenizer is made of.</summary>
    public BpeVocabulary Vocabulary { get; }

    public int VocabularySize { get; }

    public int EndOfText { get; }

    public int LongestToken { get; }

    /// <summary>Reads a Hugging Face tokenizer.json.</summary>
    /// <exception cref="UserError">Missing or damaged, or not a byte-level BPE tokenizer with GPT-2's pattern.</exception>
    public static BpeTokenizer Load(string path) => new(TokenizerJsonReader.Read(path));

    /// <summary>Writes a Hugging Face tokenizer.json, atomically.</summary>
    public void Save(string path) => AtomicFile.Write(path, stream => TokenizerJsonWriter.Write(stream, Vocabulary));

    /// <summary>The ids of a text. As in Hugging Face's tokenizers, an added token's content in the text becomes that token.</summary>
    public int[] Encode(ReadOnlySpan<char> text)
    {
        var ids = new List<int>(text.Length / 3 + 4);
        while (text.IndexOfAny(_addedContents) is var position and >= 0)
        {
            EncodeText(text[..position], ids);
            var token = FirstAt(text[position..]);
            ids.Add(token.Id);
            text = text[(position + token.Content.Length)..];
        }
        EncodeText(text, ids);
        return [.. ids];
    }

    public ReadOnlySpan<byte> BytesOf(int id) => (uint)id < (uint)_bytes.Length ? _bytes[id] : throw this.NoSuchId(id);

    private AddedToken FirstAt(ReadOnlySpan<char> text)
    {
        foreach (var token in _added) // the longest first
            if (text.StartsWith(token.Content, StringComparison.Ordinal))
                return token;
        throw new InvalidOperationException("An added token was found and then not found.");
    }

    private void EncodeText(ReadOnlySpan<char> text, List<int> ids)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = Gpt2Splitter.End(text, start);
            var piece = text[start..end];
            if (!_cacheBySpan.TryGetValue(piece, out var encoded))
            {
                encoded = EncodePiece(piece);
                if (piece.Length <= LongestCachedPiece && _cache.Count < MostCachedPieces)
                    _cache.TryAdd(piece.ToString(), encoded);
            }
            ids.AddRange(encoded);
            start = end;
        }
    }

    private int[] EncodePiece(ReadOnlySpan<char> piece)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(piece)];
        Encoding.UTF8.GetBytes(piece, bytes);
        if (_wholeTokens.Count > 0 && _wholeTokens.TryGetValue(Encoding.Latin1.GetString(bytes), out var whole))
            return [whole];
        return _merges.Apply(Array.ConvertAll(bytes, value => _byteIds[value]));
    }

    private int Result(int left, int right, Dictionary<string, int> ids)
    {
        var bytes = Encoding.Latin1.GetString([.. _bytes[left], .. _bytes[right]]);
        return ids.TryGetValue(bytes, out var id) ? id : throw new UserError($"The tokenizer merges the tokens {left} and {right}, but has no token for the result.");
    }

    private static int FindEndOfText(IReadOnlyList<AddedToken> added)
    {
        var special = added.Where(token => token.Special).ToArray();
        return (special.FirstOrDefault(token => token.Content == EndOfTextContent) ?? (special.Length == 1 ? special[0] : null))?.Id
            ?? throw new UserError($"The tokenizer has no special token {EndOfTextContent}, so it is not known what ends a text.");
    }
}
