using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.ExpertParallel;

public sealed class CutGraphTests
{
    private const float Tolerance = 1e-5f;
    private static readonly Device Cpu = new(null);

    /// <summary>Prompts of requests 1, 2, ...: of several lengths, so that the devices' rows differ.</summary>
    private static readonly long[][] Prompts = [[72, 101, 108, 108, 111], [5], [1, 2, 3, 250, 256, 7, 9], [9, 9]];

    public static TheoryData<string, int, int, int, bool> Plans()
    {
        var data = new TheoryData<string, int, int, int, bool> { { "onnx", 4, 3, 7, true }, { "onnxmoe", 4, 3, 7, true } };
        foreach (var target in (string[])["onnxmoe", "onnx"])
            foreach (var (devices, copies, seed) in ((int, int, int)[])[(1, 0, 1), (2, 0, 1), (2, 3, 2), (4, 0, 3), (4, 4, 4), (4, 9, 5), (8, 0, 6)])
                data.Add(target, devices, copies, seed, false);
        return data;
    }

    [Theory]
    [MemberData(nameof(Plans))]
    public void ManyDevicesGiveTheLogitsOfOne(string target, int devices, int copies, int seed, bool codes)
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder, target, codes: codes);
        var kernels = target == "onnxmoe" ? KernelLibrary.Locate() : null;
        var sizes = ModelManifest.Load(scratch.Folder).LanguageModel!;
        using var whole = new WholeGraph(SessionFactory.Open(scratch.PathOf("model.onnx"), Cpu, 1, kernels), Cpu);
        using var cut = Cut(scratch, MoeModel.Plan(devices, copies, seed), kernels);
        var (one, many) = (new LanguageModelSession(whole, sizes), new LanguageModelSession(cut, sizes));

        var (caches, cutCaches) = (Caches(one), Caches(many));
        try
        {
            // A prompt each, then tokens one by one, all sequences at a time, with as many experts as the sequence has by its number.
            for (var step = 0; step < 4; step++)
            {
                ModelStep[] Steps(KeyValueCache[] of) => [.. Prompts.Select((prompt, i) => new ModelStep(step == 0 ? prompt : [17 * i + step], of[i]) { Request = i + 1, RoutingWeights = true, ActiveExperts = i == 0 ? null : i + 1 })];
                var expected = one.Forward(Steps(caches));
                var found = many.Forward(Steps(cutCaches));
                for (var i = 0; i < Prompts.Length; i++)
                {
                    using var right = expected[i].Value();
                    using var result = found[i].Value();
                    for (var column = 0; column < (step == 0 ? Prompts[i].Length : 1); column++)
                        AssertClose(right.Logits(0, column), result.Logits(0, column));
                    for (var site = 0; site < one.RoutedLayers.Count; site++)
                    {
                        Assert.Equal(right.ExpertIndices(site).ToArray(), result.ExpertIndices(site).ToArray());
                        AssertClose(right.ExpertWeights(site), result.ExpertWeights(site));
                    }
                }
            }
        }
        finally
        {
            Array.ForEach([.. caches, .. cutCaches], cache => cache.Dispose());
        }
    }

    [Fact]
    public void AStepDoesNotDependOnThoseBesideIt()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var cut = Cut(scratch, MoeModel.Plan(4, 4, 4), KernelLibrary.Locate());
        var model = new LanguageModelSession(cut, ModelManifest.Load(scratch.Folder).LanguageModel!);
        var (alone, together) = (Caches(model), Caches(model));
        var all = model.Forward([.. Prompts.Select((prompt, i) => new ModelStep(prompt, together[i]) { Request = i + 1 })]);
        for (var i = 0; i < Prompts.Length; i++)
        {
            using var single = model.Forward([new ModelStep(Prompts[i], alone[i]) { Request = i + 1 }])[0].Value();
            using var result = all[i].Value();
            Assert.Equal(single.Logits(0, Prompts[i].Length - 1).ToArray(), result.Logits(0, Prompts[i].Length - 1).ToArray());
        }
        Array.ForEach([.. alone, .. together], cache => cache.Dispose());
    }

    [Fact]
    public void AFailureIsItsOwnStepsAlone()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var cut = Cut(scratch, MoeModel.Plan(2, 0, 1), null);
        var model = new LanguageModelSession(cut, ModelManifest.Load(scratch.Folder).LanguageModel!);
        using var first = model.NewCache(1);
        using var second = model.NewCache(1);
        var results = model.Forward([new ModelStep([1, 1000], first) { Request = 1 }, new ModelStep([1, 2], second) { Request = 2 }]);
        Assert.NotNull(results[0].Problem);
        Assert.Equal(0, first.Length);
        results[1].Value().Dispose();
        Assert.Equal(2, second.Length);
    }

    /// <summary>The run of a device that hangs reads its inputs when it goes on, which may be long after its sequence was given up.</summary>
    [Theory]
    [InlineData(0)] // the prompt, with caches that are empty
    [InlineData(1)]
    public async Task WhatADeviceThatHangsWasGivenIsThereWhenItGoesOn(int steps)
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var cut = Cut(scratch, MoeModel.Plan(2, 0, 1), null, TimeSpan.FromSeconds(5));
        var model = new LanguageModelSession(cut, ModelManifest.Load(scratch.Folder).LanguageModel!);
        var home = cut.HomeOf(1).Device;
        var cache = model.NewSequence(1);
        for (var step = 0; step < steps; step++)
            model.Forward([new ModelStep([1, 2, 3], cache) { Request = 1 }])[0].Value().Dispose();
        cut.Group.Faults.Hang(home);
        var lost = Assert.IsType<DeviceFailedException>(model.Forward([new ModelStep([4], cache) { Request = 1 }])[0].Problem);
        cache.Dispose();
        Assert.False(lost.Ended.IsCompleted);

        cut.Restart(home); // a value that was freed would end the process here
        await lost.Ended;
        using var again = model.NewSequence(1);
        model.Forward([new ModelStep([1, 2, 3, 4], again) { Request = 1 }])[0].Value().Dispose();
    }

    [Fact]
    public void TheFilesInputsAndOutputsAreThoseOfTheWhole()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var whole = new WholeGraph(SessionFactory.Open(scratch.PathOf("model.onnx"), Cpu, 1, null), Cpu);
        using var cut = Cut(scratch, MoeModel.Plan(2, 0, 1), null);
        Assert.Equal(whole.Inputs.Keys, cut.Inputs.Keys);
        Assert.Equal([ActiveExperts.Input], cut.OptionalInputs.Keys);
        Assert.Equal(whole.Outputs.Keys, cut.Outputs.Keys);
        Assert.All(whole.Outputs, output => Assert.Equal(output.Value.Dimensions, cut.Outputs[output.Key].Dimensions));
    }

    private static CutGraph Cut(Scratch scratch, PlacementPlan plan, string? kernels, TimeSpan? limit = null) =>
        new(new CutFile(scratch.PathOf("model.onnx"), 1, kernels), plan, [.. plan.Devices.Select(_ => Cpu)], limit ?? Timeout.InfiniteTimeSpan);

    private static KeyValueCache[] Caches(LanguageModelSession model) => [.. Prompts.Select(_ => model.NewCache(1))];

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], Tolerance);
    }
}
