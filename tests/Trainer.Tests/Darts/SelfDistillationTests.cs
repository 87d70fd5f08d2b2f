using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Darts;

public class SelfDistillationTests
{
    /// <summary>Teachers that have no weight in the loss change nothing, bit for bit: they draw no random numbers and leave no statistics.</summary>
    [Fact]
    public void TeachersWithoutWeightLeaveTheTrajectoryAsItIs()
    {
        var (plain, taught) = (Toy.Supernet(), Toy.Supernet());
        using var step = Toy.Step(plain);
        using var silent = Toy.Step(taught, distillation: model => new(Ring(model, 2), new() { Teachers = 2, Interval = 2, Weight = 0, Ramp = 0, OnAlpha = true }, 20, null));
        for (var i = 0; i < 7; i++)
        {
            step.Run(i);
            silent.Run(i);
        }
        Assert.Contains("distillation", silent.Run(7).Auxiliary.Keys);
        step.Run(7);
        Assert.Equal(Toy.State(plain), Toy.State(taught));
        Assert.Null(SelfDistillation.Of(plain, Toy.Model, new() { Teachers = 0 }, 20, null));
        Assert.Null(SelfDistillation.Of(plain, Toy.Model, new() { Teachers = 3, Weight = 0 }, 20, null));
    }

    [Fact]
    public void TheTermGrowsFromTheFirstSnapshotOnAndPullsBack()
    {
        var model = Toy.Supernet();
        using var step = Toy.Step(model, distillation: student => SelfDistillation.Of(student, Toy.Model, new() { Teachers = 1, Interval = 3, Ramp = 0 }, 20, null));
        Assert.DoesNotContain("distillation", step.Run(0).Auxiliary.Keys);
        step.Run(1);
        step.Run(2);
        // Right after the snapshot the architecture step alone has moved the student.
        var first = step.Run(3).Auxiliary["distillation"];
        var second = step.Run(4).Auxiliary["distillation"];
        Assert.InRange(first, -1e-6, 1e-3);
        Assert.True(second > first);

        using var ramped = Toy.Step(Toy.Supernet(), distillation: student => SelfDistillation.Of(student, Toy.Model, new() { Teachers = 1, Interval = 3, Ramp = 0.5 }, 20, null));
        using var full = Toy.Step(Toy.Supernet(), distillation: student => SelfDistillation.Of(student, Toy.Model, new() { Teachers = 1, Interval = 3, Ramp = 0 }, 20, null));
        for (var i = 0; i < 3; i++)
        {
            ramped.Run(i);
            full.Run(i);
        }
        Assert.Equal(full.Run(3).Auxiliary["distillation"] * 3 / 10, ramped.Run(3).Auxiliary["distillation"], 1e-7);
    }

    /// <summary>Teachers have the architecture weights that they had, not the student's of today.</summary>
    [Fact]
    public void TeachersKeepTheirArchitectureWeights()
    {
        var model = Toy.Supernet();
        var ring = Ring(model, 2);
        var distillation = new SelfDistillation(ring, new() { Teachers = 2, Interval = 1 }, 20, null);
        distillation.Observe(0);
        var images = Toy.Images(10);
        var before = distillation.Vote(images).data<float>().ToArray();
        using (torch.no_grad())
            model.Alpha.Parameter.add_(torch.tensor([.. Enumerable.Range(0, 12).Select(i => i % 5 * 0.7f)], [3, 4]));
        Assert.Equal(before, distillation.Vote(images).data<float>().ToArray());
        distillation.Observe(1);
        Assert.NotEqual(before, distillation.Vote(images).data<float>().ToArray());
    }

    [Fact]
    public void TheRingHoldsDeepCopiesOfTheLastStates()
    {
        var model = Toy.Supernet();
        var ring = Ring(model, 3);
        var tensors = ring.Tensors().Count();
        void Set(float value)
        {
            using var noGrad = torch.no_grad();
            model.Alpha.Parameter.fill_(value);
        }
        float[] Held() => [.. ring.Snapshots.Select(one => Toy.Values(((CellClassifier)one).Alpha)[0]).Order()];
        Assert.Empty(Held());
        for (var i = 1; i <= 5; i++)
        {
            Set(i);
            ring.Push();
            Set(-1);
            Assert.Equal(Enumerable.Range(Math.Max(1, i - 2), Math.Min(i, 3)).Select(value => (float)value), Held());
            Assert.Equal(tensors, ring.Tensors().Count());
        }
        Assert.Equal(3 * model.Weights.Sum(weight => weight.Shape.Aggregate(4L, (a, b) => a * b)), SnapshotRing.BytesOf(model.Weights, 3));

        // What a checkpoint does: the tensors, then how many were pushed; the next push replaces the oldest.
        var restored = Ring(model, 3);
        foreach (var (from, to) in ring.Tensors().Zip(restored.Tensors()))
        {
            Assert.Equal(from.Name, to.Name);
            using var noGrad = torch.no_grad();
            to.Tensor.copy_(from.Tensor);
        }
        restored.SetPushes(5);
        Set(6);
        restored.Push();
        Assert.Equal([4, 5, 6], restored.Snapshots.Select(one => Toy.Values(((CellClassifier)one).Alpha)[0]).Order());
    }

    [Fact]
    public void WhatDoesNotWorkIsNamed()
    {
        string Make(DistillationOptions options) => Assert.Throws<UserError>(() => SelfDistillation.Of(Toy.Supernet(), Toy.Model, options, 20, null)).Message;
        Assert.Contains("Temperature is 0; it must be above 0", Make(new() { Teachers = 1, Temperature = 0 }), StringComparison.Ordinal);
        Assert.Contains("Weight is -1; it must be 0 or more", Make(new() { Teachers = 1, Weight = -1 }), StringComparison.Ordinal);
        Assert.Contains("Teachers is -1", Make(new() { Teachers = -1 }), StringComparison.Ordinal);
        Assert.Contains("Interval is 0; it must be 1 or more", Make(new() { Teachers = 1, Interval = 0 }), StringComparison.Ordinal);
        var bytes = SnapshotRing.BytesOf(Toy.Supernet().Weights, 1);
        Assert.Contains(FormattableString.Invariant($"take {4000 * bytes:N0} bytes, more than Supernet:Darts:Distillation:MemoryLimit, 1 MB"), Make(new() { Teachers = 4000, MemoryLimit = 1 }), StringComparison.Ordinal);
    }

    private static SnapshotRing Ring(CellClassifier student, int count) => new(student.Weights, [.. Enumerable.Range(0, count).Select(_ =>
    {
        var slot = Toy.Supernet();
        slot.Gates = new SoftGates(slot.Alpha);
        return slot;
    })]);
}
