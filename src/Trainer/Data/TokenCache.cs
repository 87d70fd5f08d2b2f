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
internal sealed class TokenCache
{
    private const string Version = "1"; // to be raised when cleaning, splitting, training or encoding changes
    private const string TokensFile = "tokens.safetensors";
    private readonly DataOptions _options;
    private readonly string _folder;

    public TokenCache(DataOptions options, TextCorpus corpus) =>
        (_options, _folder) = (options, Path.Combine(options.Folder, "cache", Key(options, corpus)));

    /// <summary>The dataset, or null when it is not in the cache.</summary>
    public TokenDataset? Load()
    {
        var (tokens, tokenizer) = (Path.Combine(_folder, TokensFile), Path.Combine(_folder, BpeTokenizer.FileName));
        if (!File.Exists(tokens))
            return null;
        try
        {
            using var file = SafetensorsReader.Open(tokens);
            return new TokenDataset(_options.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer() : BpeTokenizer.Load(tokenizer), Stream("train"), Stream("validation"), Stream("test"));

            TokenStream Stream(string name) => new(name, file.Read(name).AsSpan<int>().ToArray());
        }
        catch (UserError)
        {
            return null;
        }
    }

    /// <summary>Keeps the dataset; the tokens last, because they say that the entry is whole.</summary>
    public void Save(TokenDataset dataset)
    {
        if (dataset.Tokenizer is BpeTokenizer bpe)
            bpe.Save(Path.Combine(_folder, BpeTokenizer.FileName));
        var streams = new[] { dataset.Train, dataset.Validation, dataset.Test };
        Safetensors.Save(Path.Combine(_folder, TokensFile), streams.Select(stream =>
            KeyValuePair.Create(stream.Name, new HostTensor(ElementType.Int32, [stream.Tokens.Length], MemoryMarshal.AsBytes(stream.Tokens).ToArray()))));
    }

    private static string Key(DataOptions options, TextCorpus corpus)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"{Version} {options.Tokenizer} {(options.Tokenizer == ByteTokenizer.Name ? 0 : options.VocabularySize)}");
        foreach (var part in (IReadOnlyList<TextDocument>[])[corpus.Train, corpus.Validation, corpus.Test])
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
