using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Translates test sentences, always taking the most probable token, and compares the result with the real translations.</summary>
public static class TranslationQuality
{
    /// <summary>Sentences that are translated at most.</summary>
    private const int Most = 200;

    /// <summary>BLEU of the first test sentences, 0 to 100.</summary>
    public static double Bleu(EncoderDecoder model, Translations data, Device? device)
    {
        var pairs = data.Test.Take(Most).ToArray();
        return Training.Bleu.Of([.. pairs.Chunk(50).SelectMany(some => Translate(model, data, some, device)).Zip(pairs, (candidate, pair) => (candidate, pair.Text))]);
    }

    /// <summary>The translations of sentences.</summary>
    public static IReadOnlyList<string> Translate(EncoderDecoder model, Translations data, IReadOnlyList<TokenPair> pairs, Device? device)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ops = new TorchOps(training: false, device);
        var context = new ForwardContext(ops);
        var (source, end, rows) = (data.Collate(pairs).Source!, data.Tokenizer.EndOfText, pairs.Count);
        Value Of(long[] ids) => ops.Value(tensor(ids, [rows, ids.Length / rows], device: device));
        model.Read(Of(source.Ids), Of(source.Mask), context);
        var written = pairs.Select(_ => new List<int> { end }).ToArray();
        for (var length = 1; length < model.Options.ContextLength && written.Any(row => row.Count == 1 || row[^1] != end); length++)
        {
            using var step = NewDisposeScope();
            var logits = TorchOps.TensorOf(model.Write(Of([.. written.SelectMany(row => row.Select(id => (long)id))]), context));
            var next = logits.select(1, length - 1).argmax(-1, false).cpu().data<long>().ToArray();
            for (var row = 0; row < rows; row++)
                written[row].Add(length > 1 && written[row][^1] == end ? end : (int)next[row]);
        }
        return [.. written.Select(row => data.Tokenizer.Decode([.. row.Skip(1).TakeWhile(id => id != end)]))];
    }
}
