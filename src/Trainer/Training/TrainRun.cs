using System.Globalization;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;
using TorchSharp;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// Trains a model by a recipe and leaves a model folder: weights, tokenizer, manifest, metrics, a routing trace of the validation data and
/// a report. A run that was killed goes on from its last checkpoint and ends with the same weights, bit for bit.
/// </summary>
public static class TrainRun
{
    /// <param name="modelFolder">models/NAME; made if needed.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="log">Takes progress.</param>
    /// <param name="terminal">True when the log is a terminal, where the progress bar is redrawn in place.</param>
    /// <param name="cancel">Stops after the current step, with a checkpoint.</param>
    /// <exception cref="UserError">Settings or data do not fit.</exception>
    public static void Execute(string modelFolder, TrainSettings settings, TextWriter log, bool terminal, CancellationToken cancel)
    {
        settings.Model.Check();
        _ = TopKSchedule.Of(settings.Model, settings.Trainer); // one that does not go with the steps is refused before anything is read
        foreach (var warning in settings.Model.Warnings())
            log.WriteLine($"Warning: {warning}");
        if (settings.Supernet.IsSoft() && settings.Model.Backbone != ModelOptions.CellNetwork)
            throw new UserError($"Supernet:Gates=soft mixes the operations of cells; set Model:Backbone to {ModelOptions.CellNetwork}.");
        var device = Device(settings.Trainer);
        if (settings.Supernet.Space.Length > 0 && settings.Model.Backbone == ModelOptions.Encoder)
            throw new UserError($"Supernet:Space is {settings.Supernet.Space}, but a model of Model:Backbone={settings.Model.Backbone} is no supernet; there are supernets of all other kinds.");
        var transformer = settings.Model.Backbone is ModelOptions.MaskedLm or ModelOptions.EncoderDecoder || (settings.Model.Backbone == ModelOptions.Decoder && settings.Supernet.Space.Length > 0 && settings.Start.Convert != QuantizeWeights.Word);
        RequireTransformer(settings, transformer);
        if (transformer || settings.Model.Backbone == ModelOptions.Decoder)
            SupernetSamplers.CheckText(settings.Supernet);
        if (transformer)
            TransformerRun.Execute(modelFolder, settings, SequenceLength(settings), device, log, terminal, cancel);
        else if (settings.Model.Backbone != ModelOptions.Decoder)
            ClassifierRun.Execute(modelFolder, settings, device, log, terminal, cancel);
        else
            LanguageModel(modelFolder, settings, device, log, terminal, cancel);
    }

    /// <summary>Settings that only <see cref="TransformerRun"/> follows are refused elsewhere.</summary>
    private static void RequireTransformer(TrainSettings settings, bool transformer)
    {
        var super = transformer && settings.Supernet.Space.Length > 0;
        Require(transformer || settings.Trainer.LabelSmoothing == 0, $"Trainer:LabelSmoothing is {settings.Trainer.LabelSmoothing}, but this kind of model is trained without; set it to 0");
        Require(super || settings.Supernet.Mixture.Experts == 1, $"Supernet:Mixture:Experts is {settings.Supernet.Mixture.Experts}, but only supernets of transformers mix weights; set Supernet:Space, or the number to 1");
        Require(super || settings.Supernet.Distill.Teacher.Length == 0, $"Supernet:Distill:Teacher is '{settings.Supernet.Distill.Teacher}', but only supernets of transformers have a teacher; set Supernet:Space, or leave it empty");
        Require((transformer && !super) || !settings.Start.TakeSizes, $"Start:TakeSizes is for masked language models and encoder-decoders that are no supernets; set it to false");

        static void Require(bool holds, FormattableString otherwise)
        {
            if (!holds)
                throw new UserError(FormattableString.Invariant(otherwise) + ".");
        }
    }

    private static void LanguageModel(string modelFolder, TrainSettings settings, torch.Device? device, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var options = settings.Trainer;
        var length = SequenceLength(settings);
        var data = TokenDataset.Open(settings.Data, log);
        var sources = new Lazy<IReadOnlyList<TrainedModel>>(() => StartModels.Load(modelFolder, settings.Start, data.Tokenizer));
        var conversion = settings.Start.Sources().Count == 0 ? null : ConversionList.Find(settings.Start.Convert);
        conversion?.Prepare(new ConversionInput(sources, settings.Model, settings.Start, data, length, settings.Seed));
        var spaceFile = settings.Supernet.SpaceFile(Path.GetDirectoryName(Path.GetFullPath(modelFolder))!);
        var supernet = spaceFile is null ? null : new BitSupernet(settings.Model, SearchSpaceFile.Read(spaceFile), data.Tokenizer.VocabularySize, settings.Seed, device);
        var model = supernet?.Lm ?? new DecoderLm(settings.Model, data.Tokenizer.VocabularySize, settings.Seed, device);
        var size = ModelCost.Parameters(model);
        log.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{settings.Name}: {size.Total:N0} parameters, {size.Active:N0} active for a token; {data.TrainingTokens:N0} training tokens, {options.Steps} steps of {options.BatchSize * options.Accumulation} x {length}"));

        using ITrainingStep step = options.Alternation.RouterSteps > 0
            ? ReadMeTraining.Of(model, conversion?.Teacher, data.Training, options, settings.Seed, length, device)
            : new LanguageModelStep(model, new WeightOptimizer(model.BackboneWeights, options), data.Training, options, settings.Seed, length, device)
            {
                Paths = supernet is null ? null : (supernet, PathSampler.Of(settings.Supernet, supernet.Space, settings.Seed)),
            };
        var evaluator = new Evaluator(model, data.Domains, options.BatchSize, length, options.EvaluationTokens, device);
        var trained = TrainLoop.Train(modelFolder, settings, model, step, Validate, conversion is null ? null : Start, log, terminal, cancel);
        if (trained is { } result)
            Finish(modelFolder, settings, spaceFile, length, evaluator, model, data, conversion, result.State, result.Metrics, log);

        Validation Validate()
        {
            if (supernet is not null)
                return Ends(supernet, evaluator);
            var evaluation = evaluator.Run();
            return new(evaluation.Loss, evaluation.ToMetrics(data.Domains));
        }

        void Start()
        {
            conversion.Apply(sources.Value, model, settings.Model);
            log.WriteLine($"Initial weights from {string.Join(", ", sources.Value.Select(source => source.Manifest.Name))} ({settings.Start.Convert}).");
        }
    }

    /// <summary>The mean of the largest and the smallest architecture, between which the others lie; the largest stays.</summary>
    private static Validation Ends(BitSupernet supernet, Evaluator evaluator)
    {
        supernet.Active = supernet.Space.Smallest;
        var smallest = evaluator.Run().Loss;
        supernet.Active = supernet.Space.Largest;
        var largest = evaluator.Run().Loss;
        var entry = new JsonObject { ["validation_loss"] = (smallest + largest) / 2, ["smallest_loss"] = smallest, ["largest_loss"] = largest };
        return new((smallest + largest) / 2, entry, string.Create(CultureInfo.InvariantCulture, $" ({largest:F4} and {smallest:F4} of the ends)"));
    }

    private static void Finish(string modelFolder, TrainSettings settings, string? spaceFile, int length, Evaluator evaluator, DecoderLm model, TokenDataset data, Conversion? conversion, Checkpoint state,
        IReadOnlyList<JsonObject> entries, TextWriter log)
    {
        using var files = new FileSet(modelFolder);
        if (spaceFile is not null)
            File.Copy(spaceFile, files.PathOf(TrainedModel.SpaceFile));
        Evaluation evaluation;
        TracedLayer[] routed = [.. model.RoutedLayers.Select(l => new TracedLayer(l.Number, l.Router.Experts, l.Router.ExpertsPerToken) { Iteration = l.Iteration })];
        using (var trace = routed.Length == 0 ? null : new RoutingTraceWriter(files.PathOf("trace.bin"), new RoutingTraceHeader(routed))) // a dense model routes nothing
            evaluation = evaluator.Run(trace);
        var activeExperts = ActiveExpertsEvaluation.Run(model, evaluator, length, files.PathOf, log);
        var domains = DomainResult.Of(evaluation, data, length, evaluator.Windows);
        var bigram = domains.Average(domain => domain.BigramLoss);
        var speed = MetricsFile.MedianSpeed(entries);
        var training = new JsonObject
        {
            ["steps"] = state.Step,
            ["bestStep"] = state.BestStep,
            ["validationLoss"] = evaluation.Loss,
            ["validationPerplexity"] = Math.Exp(evaluation.Loss),
            ["validationBitsPerByte"] = domains.Average(domain => domain.BitsPerByte),
            ["bigramLoss"] = bigram,
            ["uniformLoss"] = Math.Log(model.Vocabulary),
            ["tokensPerSecond"] = speed,
        };
        if (settings.Start.Sources().Count > 0)
            training["start"] = StartModels.Provenance(modelFolder, settings.Start);
        if (domains.Count > 1)
            training["validationByDomain"] = new JsonObject(domains.Select(domain => KeyValuePair.Create(domain.Domain, (JsonNode?)domain.ToJson())));
        WeightFile.Save(files.PathOf("weights.safetensors"), model.Weights);
        conversion?.Save(files.Staging);
        if (data.Tokenizer is BpeTokenizer bpe)
            bpe.Save(files.PathOf(BpeTokenizer.FileName));
        TrainingReport.Write(files.PathOf("training.html"), settings, training, entries, model, evaluation, activeExperts);
        var manifest = (ModelDescription.Of(settings, model, data.Tokenizer, training) with { ActiveExperts = activeExperts })
            .WithFiles(files.Staging, Directory.GetFiles(files.Staging).Select(f => Path.GetFileName(f)));
        manifest.Save(files.Staging);
        files.Publish();
        log.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Validation loss {evaluation.Loss:F4} nats a token (step {state.BestStep}); a bigram model of the same text: {bigram:F4}."));
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Speed: {speed:N0} tokens/s, the median of all steps."));
        log.WriteLine($"Model in {modelFolder}; report: {Path.Combine(modelFolder, "training.html")}");
    }

    private static int SequenceLength(TrainSettings settings)
    {
        var length = settings.Trainer.SequenceLength == 0 ? settings.Model.ContextLength : settings.Trainer.SequenceLength;
        if (length > settings.Model.ContextLength)
            throw new UserError($"Trainer:SequenceLength is {length}, longer than Model:ContextLength {settings.Model.ContextLength}.");
        return length;
    }

    private static torch.Device? Device(TrainerOptions options)
    {
        torch.set_num_threads(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
        if (options.Device == "cpu")
            return null;
        if (!torch.cuda.is_available())
            throw new UserError("Trainer:Device is cuda, but libtorch finds no CUDA device here; use --Trainer:Device=cpu.");
        return torch.device(options.Device);
    }
}
