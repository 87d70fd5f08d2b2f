using System.Globalization;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// Trains masked language models, encoder-decoders, and transformers of any kind that are supernets, and leaves a model folder: weights, tokenizer, manifest,
/// metrics and a report. The weights are those of the lowest validation loss; the test data are looked at once, at the end.
/// </summary>
internal sealed class TransformerRun
{
    private readonly TrainSettings _settings;
    private readonly Device? _device;
    private readonly TokenTask _task;
    private readonly TransformerModel _model;
    private readonly TransformerSupernet? _supernet;
    private readonly string? _spaceFile;
    private readonly Distillation? _distillation;

    private TransformerRun(string modelFolder, TrainSettings settings, int length, Device? device, TextWriter log)
    {
        settings = TransformerStart.WithSizes(modelFolder, settings);
        (_settings, _device) = (settings, device);
        _spaceFile = settings.Supernet.SpaceFile(Path.GetDirectoryName(Path.GetFullPath(modelFolder))!);
        var space = _spaceFile is null ? null : SearchSpaceFile.Read(_spaceFile);
        _task = TokenTask.Of(settings.Data, settings.Model, length, settings.Trainer.EvaluationTokens, log);
        var vocabulary = _task.Tokenizer.VocabularySize;
        _supernet = space is null ? null : new TransformerSupernet(settings.Model, settings.Supernet, space, vocabulary, settings.Seed, device);
        _model = _supernet?.Transformer ?? TransformerModel.Build(settings.Model, vocabulary, new LayerScope(settings.Seed, device));
        _distillation = _supernet is null ? null : Distillation.Of(modelFolder, settings.Supernet.Distill, _supernet, _task.Tokenizer);
    }

    /// <param name="modelFolder">Made if needed.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="length">Tokens of a training sequence.</param>
    /// <param name="device">Null: the CPU.</param>
    /// <param name="log">Takes progress.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops after the current step, with a checkpoint.</param>
    public static void Execute(string modelFolder, TrainSettings settings, int length, Device? device, TextWriter log, bool terminal, CancellationToken cancel)
    {
        if (settings.Trainer.Alternation.RouterSteps > 0)
            throw new UserError($"Trainer:Alternation:RouterSteps is {settings.Trainer.Alternation.RouterSteps}, but only a language model with a router before it (Model:PreGate) alternates; set it to 0.");
        new TransformerRun(modelFolder, settings, length, device, log).Run(modelFolder, length, log, terminal, cancel);
    }

    private void Run(string modelFolder, int length, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var options = _settings.Trainer;
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_settings.Name}: {ModelCost.Parameters(_model).Total:N0} parameters; {_task.Describe()}; {options.Steps} steps of {options.BatchSize * options.Accumulation} x {length}"));
        using var step = new TransformerStep(_model, _task, new WeightOptimizer(_model.Weights, options), options, _settings.Seed, _device)
        {
            Supernet = _supernet,
            Paths = _supernet is null ? null : PathSampler.Of(_settings.Supernet, _supernet.Space, _settings.Seed),
            Distillation = _distillation,
        };
        var start = TransformerStart.Of(modelFolder, _settings, _model, _distillation, _task.Tokenizer, log);
        if (TrainLoop.Train(modelFolder, _settings, _model, step, Validate, start, log, terminal, cancel) is { } result)
            Finish(modelFolder, result.State, result.Metrics, log);
    }

    /// <summary>Of a supernet the mean of the ends, between which the other architectures lie.</summary>
    private Validation Validate()
    {
        if (_supernet is null)
            return Entry(Measure(test: false), []);
        var ends = SubSpaces.Ends(_supernet.Space).Select(architecture =>
        {
            _supernet.Active = architecture;
            return Measure(test: false);
        }).ToArray();
        return Entry(ends.Average(), ends);

        static Validation Entry(double loss, double[] ends)
        {
            var entry = new JsonObject { ["validation_loss"] = loss };
            if (ends.Length > 0)
                (entry["largest_loss"], entry["smallest_loss"]) = (ends[^2], ends[1]);
            return new(loss, entry, ends.Length == 0 ? "" : $" ({string.Join(", ", ends.Select(end => end.ToString("F4", CultureInfo.InvariantCulture)))} of the ends)");
        }
    }

    private double Measure(bool test) => TransformerLoss.Measure(_model, _task.HeldOut(test, _settings.Trainer.BatchSize), _device,
        _distillation is null ? null : (batch, ops) => _distillation.Loss(_model, batch, _distillation.Teach(batch, _device), ops));

    private void Finish(string modelFolder, Checkpoint state, IReadOnlyList<JsonObject> entries, TextWriter log)
    {
        using var files = new FileSet(modelFolder);
        if (_supernet is not null)
        {
            File.Copy(_spaceFile!, files.PathOf(TrainedModel.SpaceFile));
            _supernet.Active = _supernet.Space.Largest;
        }
        var training = new JsonObject
        {
            ["steps"] = state.Step,
            ["bestStep"] = state.BestStep,
            ["validationLoss"] = Measure(test: false),
            ["testLoss"] = Measure(test: true),
            ["uniformLoss"] = Math.Log(_model.Vocabulary),
            ["tokensPerSecond"] = MetricsFile.MedianSpeed(entries),
        };
        if (_distillation is not null)
            training["teacher"] = Teachers.Provenance(modelFolder, _settings.Supernet.Distill);
        if (_supernet is null && _model is EncoderDecoder translator)
            training["testBleu"] = TranslationQuality.Bleu(translator, (Translations)_task, _device);
        WeightFile.Save(files.PathOf("weights.safetensors"), _model.Weights);
        if (_task.Tokenizer is BpeTokenizer bpe)
            bpe.Save(files.PathOf(BpeTokenizer.FileName));
        TransformerReport.Write(files.PathOf("training.html"), _settings, training, entries, _model, _supernet);
        ModelDescription.Of(_settings, _model, _task.Tokenizer, training).WithFiles(files.Staging, Directory.GetFiles(files.Staging).Select(f => Path.GetFileName(f))).Save(files.Staging);
        files.Publish();
        log.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Validation loss {(double)training["validationLoss"]!:F4}, test loss {(double)training["testLoss"]!:F4}{(_distillation is null ? " nats a token" : " of the relations")} (weights of step {state.BestStep}{(_supernet is null ? "" : ", the largest architecture")}){(training["testBleu"] is { } bleu ? $"; BLEU {(double)bleu:F1}" : "")}."));
        log.WriteLine($"Model in {modelFolder}; report: {Path.Combine(modelFolder, "training.html")}");
    }
}
