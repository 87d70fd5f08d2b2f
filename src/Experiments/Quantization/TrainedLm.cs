using MathNet.Numerics.LinearAlgebra;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Quantization;

namespace OnnxMoe.Experiments.Quantization;

/// <summary>A language model trained as usual, to be quantized.</summary>
/// <param name="Model">The model.</param>
/// <param name="Products">What GPTQ knows of the inputs of its matrices.</param>
/// <param name="Loss">On validation text.</param>
internal sealed record TrainedLm(DecoderLm Model, IReadOnlyDictionary<string, Matrix<double>> Products, double Loss)
{
    private const int CalibrationBatches = 8;

    /// <summary>A dense model of width 64; the common set-up of all experiments otherwise.</summary>
    public static TinySetup SetupOf(int layers, int threads)
    {
        var setup = TinySetup.Create(model => (model.Layers, model.FirstDenseLayers, model.DenseHidden, model.Quantization.Group) = (layers, layers, 192, 32));
        setup.Trainer.Threads = threads;
        return setup;
    }

    public static TrainedLm Train(int layers, int threads, long seed, TokenDataset data, CancellationToken cancel)
    {
        var setup = SetupOf(layers, threads);
        var run = new TinyLm(data).Train(setup, seed, null, cancel);
        var names = new BitSupernet(setup.Model, BitLosses.SpaceOf(layers), data.Tokenizer.VocabularySize, seed).Lm.Products.Select(place => place.Name).ToArray();
        var batches = Enumerable.Range(0, CalibrationBatches).Select(part => data.Training.Batch(seed, 0, part, setup.Trainer.BatchSize, setup.Trainer.SequenceLength)).ToArray();
        return new(run.Model, InputProducts.Of(run.Model, names, batches), run.ValidationLoss);
    }
}
