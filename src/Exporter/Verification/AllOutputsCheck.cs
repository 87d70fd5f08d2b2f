using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Compares all outputs of an exported file with the model's on given inputs: for any model whose tensors begin with the dimension batch.</summary>
/// <param name="model">With the weights that the file stores.</param>
/// <param name="inputs">A tensor of several rows for each of the model's inputs.</param>
public sealed class AllOutputsCheck(Model model, IReadOnlyDictionary<string, HostTensor> inputs) : ModelCheck
{
    /// <summary>All rows at once; each of the first few alone; and in the file, that a row alone gives what it gives among others.</summary>
    public override IEnumerable<ExportCheck> Run(OnnxSession session, string label, bool leftPadding, CancellationToken cancellation, RoundedWeights? weights = null, bool rounds = false)
    {
        const int alone = 4;
        var rows = (int)inputs.Values.First().Shape[0];
        var together = session.Run(inputs);
        yield return Compare($"batch-{rows}{label}", rounds, [(TorchRunner.Run(model, inputs, weights), together)]);
        var single = new List<(Dictionary<string, HostTensor> Expected, Dictionary<string, HostTensor> Actual)>();
        var among = new List<(Dictionary<string, HostTensor> Expected, Dictionary<string, HostTensor> Actual)>();
        for (var row = 0; row < Math.Min(alone, rows); row++)
        {
            cancellation.ThrowIfCancellationRequested();
            var one = inputs.ToDictionary(input => input.Key, input => Row(input.Value, row));
            var actual = session.Run(one);
            single.Add((TorchRunner.Run(model, one, weights), actual));
            among.Add((together.ToDictionary(output => output.Key, output => Row(output.Value, row)), actual));
        }
        yield return Compare($"batch-1{label}", rounds, single);
        yield return Compare($"alone-as-in-batch{label}", rounds: false, among);
    }

    /// <summary>The largest difference of any output, relative to the largest number of that output.</summary>
    private ExportCheck Compare(string name, bool rounds, IReadOnlyList<(Dictionary<string, HostTensor> Expected, Dictionary<string, HostTensor> Actual)> runs)
    {
        var results = model.Outputs.Select(output =>
        {
            var difference = new OutputDifference(name, rounds);
            foreach (var (expected, actual) in runs)
                difference.Add(expected[output.Name], actual[output.Name]);
            return difference.ToCheck();
        }).ToArray();
        return new ExportCheck(name, results.Max(check => check.MaxAbsolute), results.Max(check => check.MaxRelative)) { MeanRelative = results.Max(check => check.MeanRelative) };
    }

    private static HostTensor Row(HostTensor tensor, int row)
    {
        var size = tensor.Data.Length / (int)tensor.Shape[0];
        return new HostTensor(tensor.Type, [1, .. tensor.Shape[1..]], tensor.Data[(row * size)..((row + 1) * size)]);
    }
}
