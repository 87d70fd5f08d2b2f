using OnnxMoe.Exporter;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>A supernet of the digits whose subnetworks are quantized after training; each is measured when it is first asked for.</summary>
public sealed class QuantizedSupernet
{
    private const int Batch = 300;

    private readonly Dictionary<Architecture, double[]> _known = [];
    private readonly MlpClassifier _supernet;
    private readonly LabeledDataset _images;
    private readonly StaticQuantizer _quantizer;

    /// <summary>Trains it.</summary>
    public QuantizedSupernet(LabeledDataset images, TrainerOptions training, SearchSpace space, long seed, CancellationToken cancel)
    {
        _images = images;
        _supernet = EnumeratedSupernet.Train(images, training, space, seed, cancel);
        _quantizer = new StaticQuantizer(images, new());
    }

    /// <summary>Width and hidden sizes of 16, 32 or 64, up to 7 blocks; each linear layer of 4, 8 or 32 bits, symmetric or not.</summary>
    public static SearchSpace DigitSpace { get; } = BuiltInSpace.Read("digits-simq");

    /// <summary>Loss on the validation images, and bytes of the exported file.</summary>
    public double[] Measure(Architecture architecture)
    {
        if (!_known.TryGetValue(architecture, out var objectives))
        {
            var model = Model(architecture);
            objectives = [new ClassifierEvaluator(model, Batch, null).Run(_images.Validation).Loss, ModelExporter.Export(model, ExportTarget.Onnx, WeightPrecision.Fp32, "subnet").FileSize];
            _known[architecture] = objectives;
        }
        return objectives;
    }

    /// <summary>On the test images.</summary>
    public Classification Test(Architecture architecture) => new ClassifierEvaluator(Model(architecture), Batch, null).Run(_images.Test);

    /// <summary>The subnetwork, quantized as its genes say.</summary>
    public Classifier Model(Architecture architecture)
    {
        var options = _supernet.OptionsOf(architecture);
        var extracted = (Classifier)_supernet.Extract(architecture);
        if (options.Quantization.Bits.Length == 0)
            return extracted;
        var quantized = ClassifierRun.Build(options, new SupernetOptions(), null, extracted.Sizes, seed: 0, device: null);
        _quantizer.Quantize(extracted, quantized);
        return quantized;
    }
}
