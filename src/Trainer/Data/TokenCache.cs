using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Trainer.Data;

/// <summary>
/// Encoded text on disk: <c>cache/HASH/tokens.safetensors</c> and <c>tokenizer.json</c>. The hash is of all texts and settings
/// that the tokens depend on, so an entry never becomes stale; a damaged one is made again.
/// </summary>
internal sealed class TokenCache(DataOptions options, IReadOnlyList<TextCorpus> corpora)
{
    private const string Version = "1"; // to be raised when cleaning, splitting, training or encoding changes
    private const string TokensFile = "tokens.safetensors";
    private readonly string _folder = Path.Combine(options.Folder, "cache", Key(options, corpora));

    /// <summary>The tokenizer and the tokens of each source's three splits, or null when they are not in the cache.</summary>
    public EncodedText? Load()
    {
        var (tokens, tokenizer) = (Path.Combine(_folder, TokensFile), Path.Combine(_folder, BpeTokenizer.FileName));
        if (!File.Exists(tokens))
            return null;
        try
        {
            using var file = SafetensorsReader.Open(tokens);
            return new EncodedText(options.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer() : BpeTokenizer.Load(tokenizer),
                [.. corpora.Select((_, source) => new SplitTokens(Read(source, "train"), Read(source, "validation"), Read(source, "test")))]);

            int[] Read(int source, string split) => file.Read(NameOf(source, split)).AsSpan<int>().ToArray();
        }
        catch (UserError)
        {
            return null;
        }
    }

    /// <summary>Keeps the tokens; written last, because they say that the entry is whole.</summary>
    public void Save(EncodedText text)
    {
        if (text.Tokenizer is BpeTokenizer bpe)
            bpe.Save(Path.Combine(_folder, BpeTokenizer.FileName));
        Safetensors.Save(Path.Combine(_folder, TokensFile), text.Sources.SelectMany((tokens, source) => new[]
        {
            Entry(source, "train", tokens.Train), Entry(source, "validation", tokens.Validation), Entry(source, "test", tokens.Test),
        }));

        KeyValuePair<string, HostTensor> Entry(int source, string split, int[] tokens) =>
            new(NameOf(source, split), new HostTensor(ElementType.Int32, [tokens.Length], MemoryMarshal.AsBytes<int>(tokens).ToArray()));
    }

    /// <summary>By number: the same text may be named in another way.</summary>
    private string NameOf(int source, string split) => corpora.Count == 1 ? split : $"{source}.{split}";

    private static string Key(DataOptions options, IReadOnlyList<TextCorpus> corpora)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"{Version} {options.Tokenizer} {(options.Tokenizer == ByteTokenizer.Name ? 0 : options.VocabularySize)}");
        foreach (var part in corpora.SelectMany(corpus => (IReadOnlyList<TextDocument>[])[corpus.Train, corpus.Validation, corpus.Test]))
        {
            Add($"part of {part.Count}");
            foreach (var document in part)
                Add(document.Text);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];

        void Add(string text)
        {
            hash.AppendData(BitConverter.GetBytes(text.Length));
            hash.AppendData(Encoding.UTF8.GetBytes(text));
        }
    }
}
