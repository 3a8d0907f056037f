package devkafka

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Where a record batch of version 2 has what is changed here.
const (
	batchVersionAt    = 16
	batchCRCAt        = 17
	batchAttributesAt = 21
	batchFirstTimeAt  = 27
	batchMaxTimeAt    = 35
	batchProducerAt   = 43

	logAppendTime = 1 << 3 // of the attributes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stampAppends makes topics with message.timestamp.type=LogAppendTime keep the
// broker's time, and answer writes with it. kfake goes by what the batch says, which
// in Kafka is the topic's to say and a producer's mistake. It sets the batch's times
// and leaves its checksum, so they are set here first, to the same: only in a bubble
// does time stand still until kfake comes to it.
func stampAppends(c *kfake.Cluster) {
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req, ok := r.(*kmsg.ProduceRequest)
		if !ok {
			return nil, nil, false
		}
		for _, topic := range req.Topics {
			if !stamps(c, topic.Topic) {
				continue
			}
			for _, p := range topic.Partitions {
				stampBatch(p.Records)
			}
		}
		return nil, nil, false
	})
}

func stamps(c *kfake.Cluster, topic string) bool {
	info := c.TopicInfo(topic)
	if info == nil {
		return false
	}
	v := info.Configs["message.timestamp.type"]
	return v != nil && *v == "LogAppendTime"
}

func stampBatch(batch []byte) {
	if len(batch) < batchProducerAt || batch[batchVersionAt] != 2 {
		return // kfake refuses it
	}
	batch[batchAttributesAt+1] |= logAppendTime
	now := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint64(batch[batchFirstTimeAt:], now)
	binary.BigEndian.PutUint64(batch[batchMaxTimeAt:], now)
	binary.BigEndian.PutUint32(batch[batchCRCAt:], crc32.Checksum(batch[batchAttributesAt:], castagnoli))
}
