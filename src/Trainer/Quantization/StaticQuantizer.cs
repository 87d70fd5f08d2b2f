using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// Quantizes classifiers after training: runs examples through the model as it was trained to see the range of what each layer reads, then rounds matrices to
/// their codes. Ranges are constants of the quantized model.
/// </summary>
public sealed class StaticQuantizer
{
    private readonly LabeledSequences _examples;
    private readonly CalibrationOptions _options;

    /// <param name="data">Examples are taken from the training data: what a model is judged by must not decide its ranges.</param>
    /// <param name="options">How many, and what is made of them.</param>
    /// <exception cref="UserError">There are no such examples.</exception>
    public StaticQuantizer(LabeledDataset data, CalibrationOptions options)
    {
        if (data.Train.Count == 0 || options.Samples < 1)
            throw new UserError("There are no training examples to calibrate quantized layers with.");
        (_examples, _options) = (data.Train.Take([.. Enumerable.Range(0, Math.Min(options.Samples, data.Train.Count))]), options);
    }

    /// <summary>The examples' number and checksum, for the manifest.</summary>
    public (int Samples, string Sha256) Examples => (_examples.Count,
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(_examples.Features.AsSpan()))));

    /// <summary>Gives a model with quantized layers the weights of one without.</summary>
    /// <param name="source">As trained.</param>
    /// <param name="target">The same network; its quantized layers get codes, all else is copied.</param>
    public void Quantize(Classifier source, Classifier target)
    {
        var pairs = ((IHasLinears)source).Linears.Zip(((IHasLinears)target).Linears).Where(pair => pair.Second is QuantizedLinear)
            .Select(pair => (Source: (ElasticLinear)pair.First, Target: (QuantizedLinear)pair.Second)).ToArray();
        var ranges = Calibrate(source, [.. pairs.Select(pair => pair.Source)]);
        var quantized = pairs.SelectMany(pair => pair.Target.Weights).ToHashSet();
        var trained = source.Weights.ToDictionary(weight => weight.Name);
        using var noGrad = no_grad();
        foreach (var weight in target.Weights.Where(weight => !quantized.Contains(weight)))
            weight.Parameter.copy_(trained[weight.Name].Parameter);
        foreach (var (pair, range) in pairs.Zip(ranges))
            pair.Target.Set(Numbers(pair.Source.Matrix), Numbers(pair.Source.Bias), range);
    }

    private (float Least, float Most)[] Calibrate(Classifier model, ElasticLinear[] linears)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        var calibrators = linears.Select(_ => RangeCalibrator.Of(_options.Method)).ToArray();
        for (var i = 0; i < linears.Length; i++)
        {
            var calibrator = calibrators[i];
            linears[i].Watch = x => calibrator.Observe(((TorchValue)x).ToHost().AsSpan<float>());
        }
        try
        {
            model.Run(ops, model.InputsOf(_examples).ToDictionary(input => input.Key, input => ops.Constant(input.Value)));
        }
        finally
        {
            foreach (var linear in linears)
                linear.Watch = null;
        }
        return [.. calibrators.Select(calibrator => calibrator.Range)];
    }

    private static float[] Numbers(Weight weight) => TorchTensors.ToHost(weight.Parameter).AsSpan<float>().ToArray();
}
