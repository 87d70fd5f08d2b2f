using System.Globalization;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Branches;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Growth;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Supernets.Copies;
using OnnxMoe.Trainer.Tickets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// Trains a classifier and leaves a model folder: weights, manifest, metrics, a routing trace of the validation data and a report. The
/// weights are those of the lowest validation loss; the test data are looked at once, at the end.
/// </summary>
public static class ClassifierRun
{
    internal static void Execute(string modelFolder, TrainSettings settings, Device? device, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var options = settings.Trainer;
        if (settings.Start.Sources().Count > 0)
            throw new UserError("Start:From starts language models; a classifier (Model:Backbone) is trained from random weights.");
        var sizes = LabeledDataset.SizesOf(settings.Data);
        if (settings.Model.Backbone == ModelOptions.Encoder && sizes.Length != settings.Model.ContextLength)
            throw new UserError($"Model:ContextLength is {settings.Model.ContextLength}, but the sequences of Data:Source {settings.Data.Source} have {sizes.Length} positions.");
        if (settings.Model.Backbone is ModelOptions.Convolutional or ModelOptions.CellNetwork or ModelOptions.BranchNetwork)
            ImageClassifier.CheckImage(settings.Data);
        settings.Supernet.CheckSteps(options);
        var data = LabeledDataset.Open(settings.Data);
        var spaceFile = settings.Supernet.SpaceFile(Path.GetDirectoryName(Path.GetFullPath(modelFolder))!);
        var model = Build(settings.Model, settings.Supernet, spaceFile is null ? null : SearchSpaceFile.Read(spaceFile), sizes, settings.Seed, device);
        var size = ModelCost.Parameters(model);
        log.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{settings.Name}: {size.Total:N0} parameters, {size.Active:N0} active for a position; {data.Train.Count:N0} training sequences of {sizes.Length} x {sizes.Features}, {options.Steps} steps of {options.BatchSize * options.Accumulation}"));
        // The stored statistics of a supernet's normalizations are of no single architecture.
        var evaluator = new ClassifierEvaluator(model, options.BatchSize, device) { Statistics = spaceFile is null ? null : BatchStatistics.Unrecorded };
        SupernetSamplers.Check(settings.Supernet, spaceFile is null ? null : model as ISupernet, log);
        if (model is IMaterialized && options.Keep != "last")
            throw new UserError($"Trainer:Keep is {options.Keep}, but {settings.Name} changes its form in training, so only the last weights are of the whole model; set Trainer:Keep to last.");
        using ITrainingStep step = settings.Supernet.IsSoft() ? DartsTraining.Of(model, data.Train, settings.Supernet, settings.Model, options, settings.Seed, device) : model switch
        {
            SupernetCopies copies => new CopiesStep(copies, settings.Supernet.Copies, data.Train, options, settings.Seed, device),
            TicketClassifier ticket => new TicketStep(ticket, settings.Supernet.Tickets, data.Train, options, settings.Seed, device),
            GrowingClassifier growing => GrowthTraining.Of(growing, data.Train, options, settings.Seed, device),
            _ => StepOf(model, spaceFile is null ? null : settings.Supernet, data.Train, options, settings.Seed, device),
        };
        var trained = TrainLoop.Train(modelFolder, settings, model, step, Validate, start: null, log, terminal, cancel);
        if (trained is not { } result)
            return;
        if (model is IMaterialized other)
        {
            var (ordinary, sizesOf) = other.Materialize();
            (model, settings, evaluator) = (ordinary, settings with { Model = sizesOf, Supernet = new() }, new ClassifierEvaluator(ordinary, options.BatchSize, device));
        }
        Finish(modelFolder, settings, spaceFile, evaluator, model, data, result.State, result.Metrics, log);

        Validation Validate()
        {
            if (spaceFile is not null && !settings.Supernet.IsSoft() && model is ISupernet many)
                return SupernetValidation.Run(many, settings.Supernet, evaluator, data.Validation);
            var measured = evaluator.Run(data.Validation);
            return new(measured.Loss, measured.ToMetrics(), string.Create(CultureInfo.InvariantCulture, $", accuracy {measured.Accuracy:P1}"));
        }
    }

    /// <summary>Makes the steps of a classifier, or of a supernet whose steps run some of its architectures.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="supernet">How it is trained to be many; null: it is not.</param>
    /// <param name="data">Training examples.</param>
    /// <param name="options">The section Trainer.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    public static ITrainingStep StepOf(Classifier model, SupernetOptions? supernet, LabeledSequences data, TrainerOptions options, long seed, Device? device)
    {
        if (model is FewShotSupernet several)
            return new FewShotStep(several, supernet!, data, options, seed, device);
        var optimizer = new WeightOptimizer(model.Weights, options);
        if (supernet is null)
            return new ClassifierStep(model, optimizer, data, options, seed, device);
        var epochs = SamplingEpochs.Of(data.Count, options.BatchSize * options.Accumulation, options.Steps, supernet.TauMax);
        return new ClassifierStep(model, optimizer, data, options, seed, device)
        {
            Paths = SupernetSamplers.Paths(supernet, (ISupernet)model, epochs, seed),
            Examples = SupernetSamplers.Examples(supernet, data.Count, epochs, seed),
        };
    }

    /// <summary>The classifier of a recipe; a supernet, or several, where there is a search space.</summary>
    public static Classifier Build(ModelOptions options, SupernetOptions supernet, SearchSpace? space, ClassifierSizes sizes, long seed, Device? device)
    {
        if (options.Growth.Templates > 0)
            return options.Backbone == ModelOptions.Convolutional && space is null ? new GrowingClassifier(options, sizes, seed, device)
                : throw new UserError("Model:Growth:Templates makes a network grow; set Model:Backbone to cnn, and no Supernet:Space.");
        var scope = new LayerScope(seed, device);
        if (supernet.Tickets.IsOn)
            return options.Backbone == ModelOptions.BranchNetwork ? new TicketClassifier(options, sizes, scope) : throw new UserError("Supernet:Tickets searches the channels of branches; set Model:Backbone to branches.");
        if (space is not null && supernet.Split.IsOn && options.Backbone == ModelOptions.CellNetwork)
            return new FewShotSupernet(options, supernet.Split, space, sizes, scope);
        return space is not null && supernet.Copies.Count > 1 ? new SupernetCopies(scope, supernet.Copies.Count, copy => Build(options, space, sizes, copy)) : Build(options, space, sizes, scope);
    }

    private static Classifier Build(ModelOptions options, SearchSpace? space, ClassifierSizes sizes, LayerScope scope) => options.Backbone switch
    {
        ModelOptions.Convolutional => new CnnClassifier(options, space, sizes, scope),
        ModelOptions.CellNetwork => new CellClassifier(options, space, sizes, scope),
        ModelOptions.BranchNetwork when space is null => new BranchClassifier(options, sizes, scope),
        ModelOptions.BranchNetwork => throw new UserError($"Supernet:Space is {space.Name}, but a network of branches (Model:Backbone) is searched by Supernet:Tickets; leave the space out."),
        ModelOptions.Perceptron => new MlpClassifier(options, space, sizes, scope),
        _ => new EncoderClassifier(options, sizes, scope),
    };

    private static void Finish(string modelFolder, TrainSettings settings, string? spaceFile, ClassifierEvaluator evaluator, Classifier model, LabeledDataset data,
        Checkpoint state, IReadOnlyList<JsonObject> entries, TextWriter log)
    {
        using var files = new FileSet(modelFolder);
        if (spaceFile is not null && model is ISupernet supernet)
        {
            File.Copy(spaceFile, files.PathOf(TrainedModel.SpaceFile));
            if (!settings.Supernet.IsSoft())
                supernet.Active = supernet.Space.Largest;
        }
        if (model is FewShotSupernet split)
            SplitFile.Write(files.PathOf(SplitFile.Name), split);
        Classification validation;
        (int, int, int)[] routed = [.. model.RoutedLayers.Select(l => (l.Number, l.Router.Experts, l.Router.ExpertsPerToken))];
        using (var trace = routed.Length == 0 ? null : new RoutingTraceWriter(files.PathOf("trace.bin"), routed))
            validation = evaluator.Run(data.Validation, trace);
        var test = evaluator.Run(data.Test);
        var training = new JsonObject
        {
            ["steps"] = state.Step,
            ["bestStep"] = state.BestStep,
            ["validationLoss"] = validation.Loss,
            ["validationAccuracy"] = validation.Accuracy,
            ["testLoss"] = test.Loss,
            ["testAccuracy"] = test.Accuracy,
            ["tokensPerSecond"] = MetricsFile.MedianSpeed(entries),
        };
        WeightFile.Save(files.PathOf("weights.safetensors"), model.Weights);
        ClassifierReport.Write(files.PathOf("training.html"), settings, training, entries, model, validation);
        ModelDescription.Of(settings, model, training).WithFiles(files.Staging, Directory.GetFiles(files.Staging).Select(f => Path.GetFileName(f))).Save(files.Staging);
        files.Publish();
        log.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Test accuracy {test.Accuracy:P2}, loss {test.Loss:F4} nats (weights of step {state.BestStep}); validation accuracy {validation.Accuracy:P2}."));
        log.WriteLine($"Model in {modelFolder}; report: {Path.Combine(modelFolder, "training.html")}");
    }
}
