using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Objectives;

public class SelfAttentionRelationTests
{
    private const int Heads = 3;

    private static DistillPass Pass(int seed, int width, int length = 5)
    {
        var generator = new Generator((ulong)seed);
        return new(zeros(1), [.. Enumerable.Range(0, 3).Select(_ => randn([2, length, width], generator: generator))]);
    }

    private static float Loss(DistillPass student, DistillPass teacher, bool divergence, Tensor? mask = null) => new SelfAttentionRelation(Heads, divergence).Loss(student, teacher, mask).item<float>();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OfEqualProjectionsItIsZeroAndOfOthersItIsNot(bool divergence)
    {
        Assert.InRange(Loss(Pass(1, 12), Pass(1, 12), divergence), -1e-6f, 1e-6f);
        Assert.True(Loss(Pass(1, 12), Pass(2, 12), divergence) > 1e-2);
        Assert.True(Loss(Pass(1, 7), Pass(2, 24), divergence) > 1e-2); // widths of both sides are free
    }

    [Fact]
    public void RelationsAreProductsOfTheFirstColumnsOfEachHead()
    {
        var x = Pass(3, 11).Projections[0]; // 3 heads of 3, 2 columns left
        var relations = new SelfAttentionRelation(Heads, divergence: false).Relations(x);
        Assert.Equal([2, Heads, 5, 5], relations.shape);
        for (var head = 0; head < Heads; head++)
        {
            var expected = 0f;
            for (var column = 3 * head; column < (3 * head) + 3; column++)
                expected += x[1, 2, column].item<float>() * x[1, 4, column].item<float>();
            Assert.Equal(expected / Math.Sqrt(3), relations[1, head, 2, 4].item<float>(), 1e-5);
        }
        Assert.Equal(48, SelfAttentionRelation.HeadSize(9 * 64, 12));
    }

    [Fact]
    public void BothFormsAreWhatTheySay()
    {
        var (student, teacher) = (Pass(4, 6), Pass(5, 9));
        var relation = new SelfAttentionRelation(Heads, divergence: false);
        var (squares, divergence) = (0.0, 0.0);
        for (var t = 0; t < 3; t++)
        {
            var (s, r) = (relation.Relations(student.Projections[t]), relation.Relations(teacher.Projections[t]));
            squares += (s - r).square().mean().item<float>();
            var (p, q) = (r.softmax(-1), s.softmax(-1));
            divergence += (p * (p / q).log()).sum().item<float>() / (2 * Heads * 5);
        }
        Assert.Equal(squares, Loss(student, teacher, divergence: false), 1e-4);
        Assert.Equal(divergence, Loss(student, teacher, divergence: true), 1e-4);
    }

    /// <summary>A number added to all of a row of scores changes what is compared by squares, and nothing after a softmax.</summary>
    [Fact]
    public void ARowsConstantMattersToSquaresAlone()
    {
        // A column that is 1 for every token and large for one adds the same number to that token's row.
        DistillPass With(float extra)
        {
            var plain = Pass(6, 4);
            Tensor Add(Tensor x)
            {
                var column = zeros([2, 5, 2]);
                column.select(2, 0).fill_(1);
                column.select(2, 1).fill_(extra);
                return cat([x.narrow(2, 0, 1), column.narrow(2, 0, 1), column.narrow(2, 1, 1)], 2);
            }
            return new(zeros(1), [.. plain.Projections.Select(Add)]);
        }
        var (one, other, teacher) = (With(1), With(2), Pass(7, 3)); // in the third head every score is extra * extra
        Assert.True(Math.Abs(Loss(one, teacher, false) - Loss(other, teacher, false)) > 1e-2);
        Assert.Equal(Loss(one, teacher, true), Loss(other, teacher, true), 1e-5);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PaddingHasNoPart(bool divergence)
    {
        DistillPass Padded(int seed, int padding)
        {
            var generator = new Generator((ulong)seed + 100);
            return new(zeros(1), [.. Pass(seed, 6).Projections.Select(x => cat([x, randn([2, padding, 6], generator: generator)], 1))]);
        }
        Tensor Mask(int padding) => cat([ones(2, 5), zeros(2, padding)], 1);
        var (short_, long_) = (Loss(Padded(1, 2), Padded(2, 2), divergence, Mask(2)), Loss(Padded(1, 9), Padded(2, 9), divergence, Mask(9)));
        Assert.Equal(short_, long_, 1e-5);
        Assert.Equal(Loss(Pass(1, 6), Pass(2, 6), divergence), short_, 1e-5);
    }

    [Fact]
    public void NothingIsLearntThroughTheTeacherNorByColumnsThatAreLeftOut()
    {
        var (student, teacher) = (Pass(8, 7), Pass(9, 6));
        foreach (var projection in student.Projections.Concat(teacher.Projections))
            projection.requires_grad_(true);
        new SelfAttentionRelation(Heads, divergence: true).Loss(student, teacher).backward();
        Assert.All(teacher.Projections, projection => Assert.Null(projection.grad));
        Assert.All(student.Projections, projection => Assert.Equal(0, projection.grad!.narrow(2, 6, 1).abs().sum().item<float>()));
        Assert.All(student.Projections, projection => Assert.True(projection.grad!.narrow(2, 0, 6).abs().sum().item<float>() > 0));
    }

    [Fact]
    public void FewerColumnsThanHeadsAreRefused() =>
        Assert.Contains("cannot be cut into 12 relation heads", Assert.Throws<UserError>(() => SelfAttentionRelation.HeadSize(8, 12)).Message, StringComparison.Ordinal);
}
